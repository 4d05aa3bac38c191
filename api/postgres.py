"""Postgres as the API sees it: transactions whose failures are errors that a person can act on."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession

from common.errors import InvalidInput, Unavailable
from db.crypto import SecretBox
from db.engine import Database, is_away

_log = logging.getLogger("bionic.api")
_AWAY = "Postgres does not answer. Check that it runs and that DATABASE_URL is right, then try again."
_BUSY = (
    "All connections to Postgres were in use: too much was asked at once, or Postgres is slow. "
    "Try again in a moment."
)
_DATA_STATE = "22"


@dataclass(frozen=True)
class Postgres:
    """Hands out transactions. Nothing but queries belongs inside one."""

    database: Database

    @property
    def box(self) -> SecretBox:
        """Opens the secrets stored in rows."""
        return self.database.box

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed at the end of the block, rolled back when it raises.

        Raises:
            Unavailable: Postgres does not answer, or no connection was free in time.
            InvalidInput: a value can't be stored, a NUL character in a text for example.
        """
        try:
            async with self.database.begin() as db_session:
                yield db_session
        except PoolTimeout as error:
            _log.warning("no connection to Postgres was free in time")
            raise Unavailable(_BUSY) from error
        except (OperationalError, OSError) as error:
            _log.warning("Postgres does not answer: %s", type(error).__name__)
            raise Unavailable(_AWAY) from error
        except DBAPIError as error:
            raise _translated(error) from error

    @asynccontextmanager
    async def moment(self) -> AsyncIterator[AsyncSession]:
        """A transaction for reading, whose queries all see the same moment: what they find fits together.

        Raises:
            Unavailable, InvalidInput: as `begin` does.
        """
        async with self.begin() as db_session:
            await db_session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield db_session


def _translated(error: DBAPIError) -> Exception:
    state = str(getattr(error.orig, "sqlstate", None) or "")
    cause = getattr(error.orig, "__cause__", None)
    if state.startswith(_DATA_STATE) or isinstance(cause, asyncpg.DataError):
        return InvalidInput("A value can't be stored: a character or a number is outside what is allowed.")
    if is_away(error):
        _log.warning("Postgres does not answer: %s", type(error).__name__)
        return Unavailable(_AWAY)
    return SQLAlchemyError(str(error.orig))
