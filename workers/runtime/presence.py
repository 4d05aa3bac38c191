"""A host says every few seconds that it is there, and how it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from db.engine import Database
from db.repositories.hosts import HostFigures, HostRepository
from workflows.policy import HEARTBEAT

logger = logging.getLogger(__name__)

FORGET_AFTER = timedelta(hours=1)
"""How long a host that died is listed as silent."""


class Presence:
    """Keeps one row of Postgres up to date. While Postgres is away the host works on, unseen."""

    def __init__(self, database: Database, name: str, figures: Callable[[], HostFigures]) -> None:
        self._database = database
        self._name = name
        self._figures = figures

    async def keep(self) -> None:
        """Tell until cancelled; then take leave."""
        told = True
        try:
            while True:
                try:
                    await self._tell()
                    told = True
                except (SQLAlchemyError, OSError) as error:
                    if told:
                        logger.warning("Postgres did not take how this host is: %s", type(error).__name__)
                    told = False
                await asyncio.sleep(HEARTBEAT.total_seconds())
        finally:
            await self._leave()

    async def _tell(self) -> None:
        async with self._database.begin() as db_session:
            hosts = HostRepository(db_session)
            await hosts.saw(self._figures())
            await hosts.forget_silent(FORGET_AFTER)

    async def _leave(self) -> None:
        try:
            async with self._database.begin() as db_session:
                await HostRepository(db_session).forget(self._name)
        except (SQLAlchemyError, OSError) as error:
            logger.warning("Postgres did not take this host's leave: %s", type(error).__name__)
