"""What Postgres says by itself, to those who listen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

import asyncpg

logger = logging.getLogger(__name__)

CHECK_SECONDS = 10.0
"""A connection may die without a word: so often it is asked whether it is there."""
RETRY_SECONDS = 1.0
_TIMEOUT = 5.0

_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


async def listen(database_url: str, channel: str, heard: Callable[[], None]) -> None:
    """Call `heard` for whatever is said on a channel, until cancelled; also after each time of deafness, for
    something may have been said meanwhile. It has a connection of its own."""
    deaf = False
    while True:
        try:
            connection = await asyncpg.connect(database_url, timeout=_TIMEOUT)
            try:
                gone = asyncio.Event()
                connection.add_termination_listener(lambda _, gone=gone: gone.set())
                await connection.add_listener(channel, lambda *_: heard())
                deaf = False
                heard()
                await _hear(connection, gone)
            finally:
                with suppress(*_AWAY):
                    await connection.close(timeout=1)
        except _AWAY as error:
            if not deaf:
                logger.warning("Postgres can't be listened to: %s", type(error).__name__)
            deaf = True
        await asyncio.sleep(RETRY_SECONDS)


async def _hear(connection: asyncpg.Connection[asyncpg.Record], gone: asyncio.Event) -> None:
    """Until the connection is gone."""
    while not gone.is_set():
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await gone.wait()
        except TimeoutError:
            await connection.execute("SELECT 1", timeout=_TIMEOUT)
