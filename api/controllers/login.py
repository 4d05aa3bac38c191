"""`/login` and `/logout`: from a link or an API key to the console's cookie."""

from __future__ import annotations

from html import escape
from typing import Any

from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath, JSONBody

from api.auth import PUBLIC, cleared_cookie, is_api_key, require_same_origin, session_cookie
from api.dependencies import ThePlatform
from api.schemas.base import Body
from common.errors import Unauthorized
from common.login import verify_token

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sign in · Bionic Agents</title>
<body style="font: 16px/1.5 system-ui; max-width: 34rem; margin: 20vh auto; padding: 0 1rem">
<h1 style="font-size: 1.25rem">This link does not sign you in</h1>
<p>{reason}</p>
<p>Or <a href="/">sign in with the API key</a>.</p>
</body>
</html>
"""


class LoginBody(Body):
    """The key that `make up` printed and keeps in `.bionic/api-key`."""

    api_key: str


@get("/login/{token:str}", opt=PUBLIC, operation_id="openLoginLink", include_in_schema=False)
async def open_login_link(
    token: FromPath[str], platform: ThePlatform, request: Request[Any, Any, Any]
) -> Response[str] | Response[None]:
    """Sign in with a login link, and go on to the console."""
    master_key = platform.settings.bionic_master_key.get_secret_value()
    try:
        verify_token(master_key, "login", token)
    except Unauthorized as error:
        page = _PAGE.format(reason=escape(error.message))
        return Response(
            page, status_code=401, media_type=MediaType.HTML, headers={"Cache-Control": "no-store"}
        )
    headers = {"Location": "/", "Cache-Control": "no-store"}
    return _signed(session_cookie(platform.settings, request), 303, headers)


@post("/login", opt=PUBLIC, operation_id="login", status_code=204, tags=["login"])
async def login(
    data: JSONBody[LoginBody], platform: ThePlatform, request: Request[Any, Any, Any]
) -> Response[None]:
    """Sign in with the API key."""
    if not is_api_key(platform.settings, data.api_key.strip()):
        raise Unauthorized("This API key is not valid.")
    return _signed(session_cookie(platform.settings, request), 204, {"Cache-Control": "no-store"})


@post("/logout", opt=PUBLIC, operation_id="logout", status_code=204, tags=["login"])
async def logout(platform: ThePlatform, request: Request[Any, Any, Any]) -> Response[None]:
    """Forget who this browser is."""
    if request.cookies:
        require_same_origin(request)
    return _signed(cleared_cookie(platform.settings, request), 204, {"Cache-Control": "no-store"})


def _signed(cookie: Cookie, status: int, headers: dict[str, str]) -> Response[None]:
    return Response(None, status_code=status, cookies=[cookie], headers=headers)
