"""Callers who wait while an agent of theirs registers: their calls hear of it, and send for it at once.

LiveKit drops a dispatch for which nobody is registered. Without this, the call would send another one when
its patience is over; after some tries in vain, that is ten seconds.
"""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError

from activities.losses import input_of
from common.errors import BionicError
from db.engine import Database
from db.repositories.recoveries import CarriedCall, RecoveryRepository
from workflows.call_wishes import CallNews

logger = logging.getLogger(__name__)

MOST = 1000
"""Callers who are told of at once. Others are sent an agent when their call's patience is over."""

AT_ONCE = 16
TRY_SECONDS = 1.0
"""Between two tries while Postgres is away."""


class WaitingCallers:
    """Tells the workflows of calls without an agent that one has registered."""

    def __init__(self, database: Database, news: CallNews, patience_seconds: float) -> None:
        self._database, self._news, self._patience_seconds = database, news, patience_seconds
        self._agents: set[UUID] = set()
        """That have registered since the last look; no more than a host carries."""
        self._registered = asyncio.Event()

    def registered(self, agent_id: UUID) -> None:
        """An agent is registered with LiveKit. Never waits."""
        self._agents.add(agent_id)
        self._registered.set()

    async def keep(self) -> None:
        """Tell, for ever: of all agents that have registered meanwhile at once."""
        while True:
            await self._registered.wait()
            self._registered.clear()
            agents, self._agents = self._agents, set()
            try:
                async with self._database.begin() as db_session:
                    calls = await RecoveryRepository(db_session).waiting_for(agents, MOST)
            except (SQLAlchemyError, OSError) as error:
                logger.warning("callers who wait can't be found yet: %s", type(error).__name__)
                self._agents |= agents
                self._registered.set()
                await asyncio.sleep(TRY_SECONDS)
                continue
            turn = asyncio.Semaphore(AT_ONCE)
            await asyncio.gather(*(self._tell(call, turn) for call in calls))

    async def _tell(self, call: CarriedCall, turn: asyncio.Semaphore) -> None:
        try:
            async with turn:
                await self._news.agent_ready(input_of(call, self._patience_seconds))
        except (RPCError, BionicError) as error:
            # Its workflow looks by itself, when its patience is over.
            logger.warning("a call is not told of its agent: %s", error.message, extra={"room": call.room})
