"""The address of whoever is calling."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from litestar import Request


def client_address(request: Request[Any, Any, Any], trusted_proxies: Container[str]) -> str:
    """The client's address.

    `X-Forwarded-For` is anybody's to write: it counts only as far as proxies that we trust vouch for it, from
    the right.
    """
    address = request.client.host if request.client else "unknown"
    hops = [hop.strip() for hop in request.headers.get("x-forwarded-for", "").split(",")]
    while address in trusted_proxies and hops and hops[-1]:
        address = hops.pop()
    return address
