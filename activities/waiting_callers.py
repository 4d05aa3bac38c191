"""Callers who wait while an agent of theirs registers: their calls hear of it, and send for it at once.

LiveKit drops a dispatch for which nobody is registered. Without this, the call would send another one when
its patience is over; after some tries in vain, that is ten seconds. A call is sent the version that takes
calls: that another one registers is no news to it, until that one takes over.
"""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError

from activities.call_reports import input_of
from common.errors import BionicError
from db.engine import Database
from db.repositories.recoveries import CarriedCall, RecoveryRepository
from workflows.call_wishes import CallNews
from workflows.policy import START_PATIENCE

logger = logging.getLogger(__name__)

MOST = 1000
"""Callers who are told of at once. Others are sent an agent when their call's patience is over."""

AT_ONCE = 16
TRY_SECONDS = 1.0
"""Between two tries while Postgres is away, and between two looks whether a version takes calls by now."""

ROLLOUT_SECONDS = START_PATIENCE.total_seconds()
"""A version registers before it takes calls: once all its replicas have, or never."""

Version = tuple[UUID, int]
"""Of an agent."""


class WaitingCallers:
    """Tells the workflows of calls without an agent that one has registered."""

    def __init__(self, database: Database, news: CallNews, patience_seconds: float) -> None:
        self._database, self._news, self._patience_seconds = database, news, patience_seconds
        self._versions: dict[Version, float] = {}
        """That are to be looked at, and when they registered; no more than a host carries."""
        self._registered = asyncio.Event()

    def registered(self, agent_id: UUID, version: int) -> None:
        """A version of an agent is registered with LiveKit. Never waits."""
        self._versions[agent_id, version] = asyncio.get_running_loop().time()
        self._registered.set()

    def _look_again(self, versions: dict[Version, float]) -> None:
        """At those that have not registered anew meanwhile as well."""
        self._versions = versions | self._versions
        self._registered.set()

    async def keep(self) -> None:
        """Tell, for ever: of all agents that have registered meanwhile at once."""
        while True:
            await self._registered.wait()
            self._registered.clear()
            versions, self._versions = self._versions, {}
            try:
                async with self._database.begin() as db_session:
                    agents = {agent_id for agent_id, _ in versions}
                    found = await RecoveryRepository(db_session).waiting_for(agents, MOST)
            except (SQLAlchemyError, OSError) as error:
                logger.warning("callers who wait can't be found yet: %s", type(error).__name__)
                self._look_again(versions)
                await asyncio.sleep(TRY_SECONDS)
                continue
            calls = [call for call, wanted in found if (call.agent_id, wanted) in versions]
            self._look_later(versions, {(call.agent_id, wanted) for call, wanted in found})
            turn = asyncio.Semaphore(AT_ONCE)
            await asyncio.gather(*(self._tell(call, turn) for call in calls))

    def _look_later(self, versions: dict[Version, float], wanted: set[tuple[UUID, int | None]]) -> None:
        """Callers wait for other versions than some of these, which may take over in a moment."""
        loop, agents = asyncio.get_running_loop(), {agent_id for agent_id, _ in wanted}
        early = {
            each: since
            for each, since in versions.items()
            if each[0] in agents and each not in wanted and loop.time() - since < ROLLOUT_SECONDS
        }
        if early:
            loop.call_later(TRY_SECONDS, self._look_again, early)

    async def _tell(self, call: CarriedCall, turn: asyncio.Semaphore) -> None:
        try:
            async with turn:
                await self._news.agent_ready(input_of(call, self._patience_seconds))
        except (RPCError, BionicError) as error:
            # Its workflow looks by itself, when its patience is over.
            logger.warning("a call is not told of its agent: %s", error.message, extra={"room": call.room})
