"""Two that stand where LangFuse stands: one takes traces, the other only takes their time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web


@dataclass
class Receiver:
    """A server for traces on loopback."""

    url: str = ""
    came: int = 0
    """Exports that it was sent."""


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """One that answers every export at once, until the end of the block."""
    receiver = Receiver()

    async def take(request: web.Request) -> web.Response:
        await request.read()
        receiver.came += 1
        return web.Response(content_type="application/x-protobuf")

    app = web.Application()
    app.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = _url(runner.addresses[0])
        yield receiver
    finally:
        await runner.cleanup()


@asynccontextmanager
async def black_hole() -> AsyncIterator[Receiver]:
    """One that takes connections and all they bring, and never says a word."""
    receiver = Receiver()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        receiver.came += 1
        try:
            while await reader.read(65536):
                pass
        finally:
            writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    receiver.url = _url(server.sockets[0].getsockname())
    try:
        yield receiver
    finally:
        server.close()


def _url(address: tuple[str, int]) -> str:
    host, port = address[:2]
    return f"http://{host}:{port}"
