"""`python -m api`: serve the API and the console."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from contextlib import suppress

import uvicorn

from api.app import create_app
from api.clients import Networks
from common.heap import settle_heap
from common.logs import set_up_logs
from common.settings import get_settings

_KEEP_ALIVE_SECONDS = 75
"""Longer than clients and proxies keep an idle connection: it is they who close it, never in mid-request."""

_GRACE_SECONDS = 10
_NOT_STARTED = 3


def main() -> None:
    """Serve until SIGINT or SIGTERM, then let running requests end."""
    set_up_logs()
    logging.getLogger("uvicorn.error").addFilter(_without_colors)
    settings = get_settings()
    closing = asyncio.Event()
    trusted = Networks(settings.bionic_trusted_proxies)
    app = create_app(settings, trusted_proxies=trusted, closing=closing)
    settle_heap()
    config = uvicorn.Config(
        app,
        host=settings.bionic_api_host,
        port=settings.bionic_api_port,
        access_log=False,  # ours leaves out login tokens
        proxy_headers=False,  # X-Forwarded-For is judged where it is used
        server_header=False,
        log_config=None,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )
    server = Server(config, closing)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(_NOT_STARTED)


class Server(uvicorn.Server):
    """Tells the app that it ends before it waits for connections, and not when the last one has ended."""

    def __init__(self, config: uvicorn.Config, closing: asyncio.Event) -> None:
        super().__init__(config)
        self._closing = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does, with streams that end."""
        self._closing.set()
        await super().shutdown(sockets)


def _without_colors(record: logging.LogRecord) -> bool:
    """Drops uvicorn's coloured copy of a message, which would be logged as an extra."""
    vars(record).pop("color_message", None)
    return True


if __name__ == "__main__":
    main()
