"""Who is calling: the API key in a header, or the console's cookie. Every route that is not public asks."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.handlers.base import BaseRouteHandler

from common.errors import Forbidden, Unauthorized
from common.login import SESSION_LIFETIME, mint_session_token, verify_token
from common.settings import Settings

SESSION_COOKIE = "bionic_session"
API_KEY_ACTOR = "api-key"
CONSOLE_ACTOR = "console"
PUBLIC = {"public": True}
"""`opt` of routes that need no caller."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_SIGN_IN = "Send `Authorization: Bearer <API key>`, or sign in with the link that `make up` printed."

Connection = ASGIConnection[Any, Any, Any, Any]


def is_api_key(settings: Settings, candidate: str) -> bool:
    """Whether `candidate` is the API key; an API key that is not set matches nothing."""
    known = settings.bionic_api_key.get_secret_value()
    return bool(known) and hmac.compare_digest(known.encode(), candidate.encode())


def make_guard(settings: Settings) -> Callable[[Connection, BaseRouteHandler], None]:
    """The guard of the whole app. It notes the actor in the connection's state."""

    def require_caller(connection: Connection, handler: BaseRouteHandler) -> None:
        if not handler.opt.get("public"):
            connection.state.actor = identify(settings, connection)

    return require_caller


def identify(settings: Settings, connection: Connection) -> str:
    """The actor: ``api-key`` or ``console``.

    Raises:
        Unauthorized: neither a valid key nor a valid cookie.
        Forbidden: a cookie on a request that another site caused.
    """
    scheme, _, credential = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        if is_api_key(settings, credential.strip()):
            return API_KEY_ACTOR
        raise Unauthorized(f"The API key is not valid. {_SIGN_IN}")
    cookie = connection.cookies.get(SESSION_COOKIE)
    if not cookie:
        raise Unauthorized(_SIGN_IN)
    verify_token(settings.bionic_master_key.get_secret_value(), "session", cookie)
    if str(connection.scope.get("method")) not in _SAFE_METHODS:
        require_same_origin(connection)
    return CONSOLE_ACTOR


def is_known(settings: Settings, connection: Connection) -> bool:
    """Whether the caller of a public route is signed in."""
    try:
        identify(settings, connection)
    except (Unauthorized, Forbidden):
        return False
    return True


def require_same_origin(connection: Connection) -> None:
    """Refuse what another site's page made a browser send.

    Browsers always say `Sec-Fetch-Site` (or, the older ones, `Origin`) on unsafe requests: whoever sends a
    cookie and neither of them is no browser of ours.

    Raises:
        Forbidden: the request comes from another origin.
    """
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        same = site == "same-origin"
    else:
        host = connection.headers.get("host", "")
        same = bool(host) and _host_of(connection.headers.get("origin", "")) == host
    if not same:
        raise Forbidden("This request came from another site. Use the console at its own address.")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc or None
    except ValueError:
        return None


def session_cookie(settings: Settings, request: Request[Any, Any, Any]) -> Cookie:
    """The cookie of somebody who has just signed in, always with a new value."""
    value = mint_session_token(settings.bionic_master_key.get_secret_value())
    return _cookie(settings, request, value, int(SESSION_LIFETIME.total_seconds()))


def cleared_cookie(settings: Settings, request: Request[Any, Any, Any]) -> Cookie:
    """What makes a browser forget the cookie."""
    return _cookie(settings, request, "", 0)


def _cookie(settings: Settings, request: Request[Any, Any, Any], value: str, max_age: int) -> Cookie:
    https = request.url.scheme == "https" or settings.agent_runtime_api_url.startswith("https:")
    return Cookie(
        key=SESSION_COOKIE,
        value=value,
        max_age=max_age,
        path="/",
        httponly=True,
        samesite="lax",
        secure=https,
    )
