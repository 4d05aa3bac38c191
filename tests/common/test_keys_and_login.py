"""Keys per purpose, and what a login link is worth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from common.errors import InvalidInput, Unauthorized
from common.keys import derive_key, make_api_key, make_master_key
from common.login import mint_login_token, mint_session_token, verify_token

pytestmark = pytest.mark.unit


def test_every_purpose_has_its_own_key() -> None:
    master = make_master_key()
    assert derive_key(master, "one") == derive_key(master, "one")
    assert derive_key(master, "one") != derive_key(master, "two")
    assert derive_key(master, "one") != derive_key(make_master_key(), "one")
    assert make_api_key().startswith("bk_")


@pytest.mark.parametrize("bad", ["", "short", "not base64!", "QUFBQQ=="])
def test_a_bad_master_key_says_how_to_make_one(bad: str) -> None:
    with pytest.raises(InvalidInput, match="Make one with"):
        derive_key(bad, "any")


def test_a_login_token_is_no_session_and_no_other_platforms() -> None:
    master = make_master_key()
    assert verify_token(master, "login", mint_login_token(master)) == "operator"
    assert verify_token(master, "session", mint_session_token(master)) == "operator"
    for key, purpose, token in [
        (master, "session", mint_login_token(master)),
        (master, "login", mint_session_token(master)),
        (make_master_key(), "login", mint_login_token(master)),
        (master, "login", "rubbish"),
        (master, "login", jwt.encode({"aud": "login", "sub": "x"}, key="", algorithm="none")),
    ]:
        with pytest.raises(Unauthorized):
            verify_token(key, purpose, token)  # type: ignore[arg-type]


def test_an_old_login_says_so() -> None:
    master = make_master_key()
    claims = {"aud": "login", "sub": "operator", "exp": datetime.now(UTC) - timedelta(seconds=1)}
    token = jwt.encode(claims, derive_key(master, "login/login"), algorithm="HS256")
    with pytest.raises(Unauthorized, match="expired"):
        verify_token(master, "login", token)
