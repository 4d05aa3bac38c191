"""Login links and console cookies: signed, short statements of who may use the console."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import jwt

from common.errors import Unauthorized
from common.keys import derive_key

LOGIN_LINK_LIFETIME = timedelta(hours=12)
SESSION_LIFETIME = timedelta(days=7)
_ALGORITHM = "HS256"

Purpose = Literal["login", "session"]


def _mint(master_key: str, purpose: Purpose, lifetime: timedelta) -> str:
    now = datetime.now(UTC)
    claims = {"aud": purpose, "sub": "operator", "iat": now, "exp": now + lifetime}
    return jwt.encode(claims, derive_key(master_key, f"login/{purpose}"), algorithm=_ALGORITHM)


def mint_login_token(master_key: str) -> str:
    """The token of a login link; whoever opens the link within 12 hours is signed in."""
    return _mint(master_key, "login", LOGIN_LINK_LIFETIME)


def mint_session_token(master_key: str) -> str:
    """The value of the console's cookie, good for seven days."""
    return _mint(master_key, "session", SESSION_LIFETIME)


def verify_token(master_key: str, purpose: Purpose, token: str) -> str:
    """Who the token stands for.

    Raises:
        Unauthorized: the token is not ours, is for another purpose, or has expired.
    """
    try:
        claims = jwt.decode(
            token, derive_key(master_key, f"login/{purpose}"), algorithms=[_ALGORITHM], audience=purpose
        )
    except jwt.ExpiredSignatureError:
        raise Unauthorized("This login has expired. Run `make up` again for a new link.") from None
    except jwt.InvalidTokenError:
        raise Unauthorized("This login is not valid. Run `make up` for a new link.") from None
    return str(claims["sub"])
