"""The console's files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from litestar import MediaType, Response, Router, get
from litestar.params import FromPath
from litestar.response import File

from api.auth import PUBLIC
from api.controllers.login import login, logout, open_login_link
from common.errors import NotFound
from common.settings import Settings

_NO_CACHE = "no-cache"
_FOR_EVER = "public, max-age=31536000, immutable"
_NOT_PAGES = ("api", "assets", "schema", "metrics", "health")

_NOT_BUILT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Bionic Agents</title>
<body style="font: 16px/1.5 system-ui; max-width: 34rem; margin: 20vh auto; padding: 0 1rem">
<h1 style="font-size: 1.25rem">The console is not built</h1>
<p>Run <code>make up</code>: it builds the console and starts everything.</p>
</body>
</html>
"""


def web_dir(settings: Settings) -> Path:
    """Where the built console lies."""
    beside_the_code = Path(__file__).parents[2] / "web" / "console" / "dist"
    return Path(settings.bionic_web_dir) if settings.bionic_web_dir else beside_the_code


def console_router(settings: Settings) -> Router:
    """Every GET that is nothing else: a file of the console, or its page, which knows its own addresses."""
    root = web_dir(settings).resolve()

    @get("/assets/{path:path}", operation_id="getAsset", include_in_schema=False)
    async def asset(path: FromPath[str]) -> File:
        """A file whose name changes with its content."""
        found = await asyncio.to_thread(_file, root, f"assets/{path.lstrip('/')}")
        if found is None:
            raise NotFound("There is no such file.")
        return _answer(found, _FOR_EVER)

    # `/login` and `/logout` are routes of their own, for POST: GET must be named too, in the same router.
    @get(
        ["/", "/login", "/logout", "/{path:path}"],
        operation_id="getConsolePage",
        include_in_schema=False,
    )
    async def page(path: FromPath[str] = "") -> Response[Any]:
        """The console's page, or one of the few files beside it."""
        name = path.strip("/")
        if name.partition("/")[0] in _NOT_PAGES:
            raise NotFound("There is nothing at this address.")
        found = await asyncio.to_thread(_file, root, name) if name else None
        if found is None and Path(name).suffix:
            raise NotFound("There is no such file.")  # a script's tag must not be given a page
        found = found or await asyncio.to_thread(_file, root, "index.html")
        if found is None:
            return Response(_NOT_BUILT, media_type=MediaType.HTML, headers={"Cache-Control": "no-store"})
        return _answer(found, _NO_CACHE)

    return Router("/", route_handlers=[asset, page, login, logout, open_login_link], opt=PUBLIC)


def _file(root: Path, name: str) -> Path | None:
    """The file `name` below `root`, or None: nothing outside it, whatever the name says."""
    try:
        path = (root / name).resolve()
        return path if path.is_relative_to(root) and path.is_file() else None
    except (OSError, ValueError):
        return None  # too long, or with characters that no file has


def _answer(path: Path, cache_control: str) -> File:
    headers = {"Cache-Control": cache_control}
    return File(path, filename=path.name, content_disposition_type="inline", headers=headers)
