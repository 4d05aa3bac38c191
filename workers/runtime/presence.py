"""A host says every few seconds that it is there, and how it is."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from activities.door import Door
from activities.lease import Lease
from common.status import Standing
from db.engine import Database
from db.repositories.hosts import HostFigures, HostRepository
from workflows.policy import HEARTBEAT

logger = logging.getLogger(__name__)

FORGET_AFTER = timedelta(hours=1)
"""How long a host that died is listed as silent."""

FORGET_ORDERS_AFTER = timedelta(days=7)
"""The same, where operators want something of it: it is to be so when it comes back."""

LOOK_SECONDS = 1.0
"""Between two looks at what is wanted, and whether there is something to tell."""


class Presence:
    """Keeps one row of Postgres up to date, and reads there what operators want of the host.

    While Postgres is away the host works on, unseen, by what was wanted last.
    """

    def __init__(self, database: Database, lease: Lease, door: Door) -> None:
        self._database = database
        self._lease = lease
        self._door = door
        self._heard = True
        self._told: HostFigures | None = None
        self._next_telling = 0.0
        self._born = asyncio.get_running_loop().time()

    async def keep(self) -> None:
        """Look and tell until cancelled; then take leave."""
        try:
            while True:
                if not await self._look():
                    await asyncio.sleep(LOOK_SECONDS)
        finally:
            await self._leave()

    async def _look(self) -> bool:
        """Tell when it is time to, or there is news; True when something else is wanted of the host."""
        now = asyncio.get_running_loop().time()
        figures = self._lease.figures()
        steady = replace(figures, cpu=0.0, memory=0.0)
        telling = steady != self._told or now >= self._next_telling
        try:
            async with self._database.begin() as db_session:
                hosts = HostRepository(db_session)
                wanted = await (self._tell(hosts, figures) if telling else hosts.standing(self._lease.name))
        except (SQLAlchemyError, OSError) as error:
            if self._heard:
                logger.warning("Postgres did not take how this host is: %s", type(error).__name__)
            self._heard, self._told = False, None
            return False
        self._heard = True
        if telling:
            self._told, self._next_telling = steady, now + HEARTBEAT.total_seconds()
        if wanted is None or not self._door.stand(wanted):
            return False
        logger.info("this host is %s", wanted, extra={"host": self._lease.name})
        return True

    async def _tell(self, hosts: HostRepository, figures: HostFigures) -> Standing:
        age = timedelta(seconds=asyncio.get_running_loop().time() - self._born)
        wanted = await hosts.saw(self._lease.name, self._lease.process, figures, age)
        await hosts.forget_silent(FORGET_AFTER, FORGET_ORDERS_AFTER)
        return wanted

    async def _leave(self) -> None:
        try:
            async with self._database.begin() as db_session:
                await HostRepository(db_session).leave(self._lease.name, self._lease.process)
        except (SQLAlchemyError, OSError) as error:
            logger.warning("Postgres did not take this host's leave: %s", type(error).__name__)
