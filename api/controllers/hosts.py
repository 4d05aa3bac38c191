"""`/api/hosts`: where agents run."""

from __future__ import annotations

from litestar import get

from api.dependencies import ThePlatform
from api.schemas.hosts import HostPage


@get("/api/hosts", operation_id="listHosts", tags=["hosts"])
async def list_hosts(platform: ThePlatform) -> HostPage:
    """The runtime hosts: their agents and calls, how busy they are, and when they were last heard of."""
    return await platform.hosts.list()
