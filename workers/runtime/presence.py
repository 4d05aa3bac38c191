"""A host says every few seconds that it is there, and how it is."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from activities.lease import Lease
from db.engine import Database
from db.repositories.hosts import HostRepository
from workflows.policy import HEARTBEAT

logger = logging.getLogger(__name__)

FORGET_AFTER = timedelta(hours=1)
"""How long a host that died is listed as silent."""


class Presence:
    """Keeps one row of Postgres up to date. While Postgres is away the host works on, unseen."""

    def __init__(self, database: Database, lease: Lease) -> None:
        self._database = database
        self._lease = lease
        self._told = True

    async def keep(self) -> None:
        """Tell until cancelled; then take leave."""
        try:
            while True:
                await self._tell()
                await asyncio.sleep(HEARTBEAT.total_seconds())
        finally:
            await self._leave()

    async def _tell(self) -> None:
        try:
            async with self._database.begin() as db_session:
                hosts = HostRepository(db_session)
                await hosts.saw(self._lease.name, self._lease.process, self._lease.figures())
                await hosts.forget_silent(FORGET_AFTER)
            self._told = True
        except (SQLAlchemyError, OSError) as error:
            if self._told:
                logger.warning("Postgres did not take how this host is: %s", type(error).__name__)
            self._told = False

    async def _leave(self) -> None:
        try:
            async with self._database.begin() as db_session:
                await HostRepository(db_session).forget(self._lease.name, self._lease.process)
        except (SQLAlchemyError, OSError) as error:
            logger.warning("Postgres did not take this host's leave: %s", type(error).__name__)
