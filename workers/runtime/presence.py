"""A host says every few seconds that it is there, and how it is."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from activities.door import Door
from activities.lease import Lease
from common.status import Standing
from db.engine import Database
from db.repositories.hosts import HostRepository
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

    def __init__(self, database: Database, lease: Lease, door: Door, news: asyncio.Event) -> None:
        """`news` is set when there is something to tell before its time."""
        self._database = database
        self._lease = lease
        self._door = door
        self._news = news
        self._told = True
        self._next_telling = 0.0

    async def keep(self) -> None:
        """Tell until cancelled; then take leave."""
        try:
            while True:
                await self._look()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await self._leave()

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        telling = self._news.is_set() or now >= self._next_telling
        if telling:
            self._news.clear()
            self._next_telling = now + HEARTBEAT.total_seconds()
        try:
            async with self._database.begin() as db_session:
                hosts = HostRepository(db_session)
                wanted = await (self._tell(hosts) if telling else hosts.standing(self._lease.name))
            self._told = True
        except (SQLAlchemyError, OSError) as error:
            if self._told:
                logger.warning("Postgres did not take how this host is: %s", type(error).__name__)
            self._told, self._next_telling = False, now
            return
        if wanted and self._door.stand(wanted):
            logger.info("this host is %s", wanted, extra={"host": self._lease.name})
            self._news.set()

    async def _tell(self, hosts: HostRepository) -> Standing:
        wanted = await hosts.saw(self._lease.name, self._lease.process, self._lease.figures())
        await hosts.forget_silent(FORGET_AFTER, FORGET_ORDERS_AFTER)
        return wanted

    async def _leave(self) -> None:
        try:
            async with self._database.begin() as db_session:
                await HostRepository(db_session).leave(self._lease.name, self._lease.process)
        except (SQLAlchemyError, OSError) as error:
            logger.warning("Postgres did not take this host's leave: %s", type(error).__name__)
