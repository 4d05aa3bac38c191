"""The connection pool and its sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from sqlalchemy import make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from db.crypto import SecretBox

_AWAY_STATES = ("08", "28", "3D", "53", "57")
"""Connection lost, user or database unknown, not enough resources, shutting down or starting up."""


def async_url(database_url: str) -> URL:
    """`database_url` (`postgresql://…`) with the driver that we use."""
    return make_url(database_url).set(drivername="postgresql+asyncpg")


@dataclass(frozen=True)
class Database:
    """A pool of connections, and the box that opens the secrets stored behind it."""

    engine: AsyncEngine
    box: SecretBox
    sessions: async_sessionmaker[AsyncSession]

    @classmethod
    def connect(
        cls, database_url: str, master_key: str, *, pool_size: int = 10, ping: bool = True
    ) -> Database:
        """Make the pool; a connection is opened only when one is needed.

        Without `ping`, the first to use a connection that Postgres has dropped meanwhile gets the error: for
        those who try again anyway.
        """
        engine = create_async_engine(
            async_url(database_url),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=10,
            pool_pre_ping=ping,
            hide_parameters=True,
            # Compiling a statement pays off where one runs for seconds, and ours run for milliseconds.
            connect_args={"timeout": 5, "command_timeout": 30, "server_settings": {"jit": "off"}},
        )
        return cls(engine, SecretBox(master_key), async_sessionmaker(engine, expire_on_commit=False))

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed at the end of the block, rolled back when it raises.

        Raises:
            SQLAlchemyError, OSError: Postgres is away, is just starting, or refused.
        """
        try:
            async with self.sessions.begin() as db_session:
                yield db_session
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            # A connection that is refused: SQLAlchemy lets the driver's error through there.
            raise OperationalError("connecting", None, error) from error

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def is_away(error: Exception) -> bool:
    """Whether Postgres did not answer; else it did, and something is wrong with what it was asked."""
    if isinstance(error, DBAPIError):
        lost = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
        return lost or str(getattr(error.orig, "sqlstate", None) or "").startswith(_AWAY_STATES)
    return isinstance(error, PoolTimeout | ConnectionError | TimeoutError | FileNotFoundError)
