"""Writes to Postgres from a job process: in a transaction each, and again until Postgres takes it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from itertools import chain, repeat
from typing import Protocol, TypeVar

from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from db.engine import async_url

logger = logging.getLogger(__name__)

RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)
_REFUSED = ("22", "23", "54")
"""Classes of SQLSTATE with which Postgres says that it will never take this: it can't store a text, say."""

_LACKING = "42"
"""The class of a table, a column or a right that is missing, as one may be while a migration runs."""

_UNKNOWN = "23503"
"""What the entry belongs to is not there."""

T = TypeVar("T")


class Refused(Exception):
    """Postgres will never take this."""

    def __init__(self, state: str) -> None:
        super().__init__(f"Postgres refused it: {state}")
        self.deleted = state == _UNKNOWN
        """Its call was deleted, or its agent: nothing of the call will be taken."""


class Writer(Protocol):
    """Whoever has a connection."""

    async def do(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Do `work` in a transaction of its own.

        Raises:
            Refused: Postgres will never take it.
        """


def refusal(error: BaseException) -> Refused | None:
    """What to raise where Postgres will never take something; None where another try may go well."""
    if isinstance(error, StatementError) and not isinstance(error, DBAPIError):
        return Refused("it can't be sent")
    state = _state(error)
    return Refused(state) if state.startswith(_REFUSED) else None


def is_lacking(error: BaseException) -> bool:
    """Whether Postgres has no place for it now, as while a migration runs."""
    return _state(error).startswith(_LACKING)


def _state(error: BaseException) -> str:
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")


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

    async def do(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Do `work` in a transaction of its own; again and again while Postgres is away, or has no
        place for it.

        Raises:
            Refused: Postgres will never take it.
        """
        away = False
        for delay in chain(RETRY_SECONDS, repeat(RETRY_SECONDS[-1])):
            try:
                async with self._sessions.begin() as db_session:
                    done = await work(db_session)
            except (OSError, TimeoutError, StatementError) as error:
                if refused := refusal(error):
                    raise refused from error
                if not away:
                    self._warn(error)
                away = True
                await asyncio.sleep(delay)
            else:
                if away:
                    logger.info("Postgres is back", extra={"room": self._room})
                return done
        raise AssertionError("unreachable")

    def _warn(self, error: Exception) -> None:
        if is_lacking(error):
            what, why = "Postgres has no place for the record now, which waits", _state(error)
        else:
            what, why = "Postgres is away", type(error).__name__
        logger.warning("%s: %s", what, why, extra={"room": self._room})

    async def close(self) -> None:
        """Close the connection."""
        await self._engine.dispose()
