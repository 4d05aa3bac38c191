"""`python -m api`: serve the API and the console."""

from __future__ import annotations

import logging

import uvicorn

from api.app import create_app
from api.clients import Networks
from common.heap import settle_heap
from common.logs import set_up_logs
from common.settings import get_settings

_KEEP_ALIVE_SECONDS = 75
"""Longer than clients and proxies keep an idle connection: it is they who close it, never in mid-request."""

_GRACE_SECONDS = 10


def main() -> None:
    """Serve until SIGINT or SIGTERM, then let running requests end."""
    set_up_logs()
    logging.getLogger("uvicorn.error").addFilter(_without_colors)
    settings = get_settings()
    app = create_app(settings, trusted_proxies=Networks(settings.bionic_trusted_proxies))
    settle_heap()
    uvicorn.run(
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


def _without_colors(record: logging.LogRecord) -> bool:
    """Drops uvicorn's coloured copy of a message, which would be logged as an extra."""
    vars(record).pop("color_message", None)
    return True


if __name__ == "__main__":
    main()
