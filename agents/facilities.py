"""What all agents of a host share: job processes, load, connections."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from agents.capacity import Capacity
from agents.jobs import JobPool
from agents.load import HostLoad
from agents.warm import warm_forkserver

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Facilities:
    """What all agents of a host share."""

    pool: JobPool
    load: HostLoad
    http: aiohttp.ClientSession
    """For the websockets: as many as there are names."""
    ready: asyncio.Task[None]
    """Done when calls would begin at once: no agent registers before."""


@asynccontextmanager
async def open_facilities(capacity: Capacity, call_memory_mb: float) -> AsyncIterator[Facilities]:
    """Job processes that wait for calls, for as long as the block lasts.

    They are not there from its beginning: a host that boots finds out meanwhile which agents it carries.
    """
    load = HostLoad(capacity)
    pool = JobPool(call_memory_mb, can_begin=capacity.can_begin)
    keeper = asyncio.create_task(load.keep(), name="load")
    ready = asyncio.create_task(_get_ready(pool), name="job processes")
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            yield Facilities(pool, load, http, ready)
    finally:
        keeper.cancel()
        ready.cancel()
        await asyncio.gather(ready, return_exceptions=True)
        await pool.close()


async def _get_ready(pool: JobPool) -> None:
    """Return when a call would begin at once.

    Raises:
        CallsCannotBegin: job processes die or take too long.
    """
    took = await asyncio.to_thread(warm_forkserver)
    await pool.start()
    logger.info("calls can begin", extra={"warm_s": round(took, 1)})
