"""Writes to Postgres from a job process: in a transaction each, and again until Postgres takes it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from itertools import chain, repeat
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from db.engine import async_url

logger = logging.getLogger(__name__)

RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)
_REFUSED = ("22", "23", "42")
"""Classes of SQLSTATE with which Postgres says that it will never take this: the agent was deleted, say."""

T = TypeVar("T")


class Ledger:
    """One connection of one call."""

    def __init__(self, database_url: str, room: str) -> None:
        self._engine = create_async_engine(
            async_url(database_url),
            pool_size=1,
            max_overflow=0,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"timeout": 5, "command_timeout": 10},
        )
        self._sessions: async_sessionmaker[AsyncSession] = async_sessionmaker(
            self._engine, expire_on_commit=False
        )
        self._room = room

    async def do(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T | None:
        """Do `work` in a transaction of its own; while Postgres is away, try again for ever.

        None when Postgres refused it for good.
        """
        away = False
        for delay in chain(RETRY_SECONDS, repeat(RETRY_SECONDS[-1])):
            try:
                async with self._sessions.begin() as db_session:
                    done = await work(db_session)
            except (OSError, TimeoutError, DBAPIError) as error:
                if str(getattr(getattr(error, "orig", None), "sqlstate", "")).startswith(_REFUSED):
                    logger.exception("Postgres refused a part of the record", extra={"room": self._room})
                    return None
                if not away:
                    logger.warning("Postgres is away: %s", type(error).__name__, extra={"room": self._room})
                away = True
                await asyncio.sleep(delay)
            else:
                if away:
                    logger.info("Postgres is back", extra={"room": self._room})
                return done
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Close the connection."""
        await self._engine.dispose()
