"""Calls whose agent this host has lost or cut off: their workflows are told at once, for nobody else can."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError

from activities.recovery import CallActivities
from activities.salvage import Salvage
from agents.offers import CallEnd
from common.errors import BionicError, Unavailable
from db.engine import Database
from db.repositories.recoveries import CarriedCall, RecoveryRepository
from workflows.call_types import AgentLost, CallInput, SendAgent
from workflows.call_wishes import CallNews

logger = logging.getLogger(__name__)

CRASHED = "The agent's process crashed."
CUT = "The agent's time to stay was over."
TRIES = 300
TRY_SECONDS = 1.0
"""Between two tries: Postgres may be away for five minutes, and a caller waits."""

CLOSE_SECONDS = 5.0
AT_ONCE = 16
"""Losses that are told of at the same time. While Temporal is away, each waits for its answer first."""


def input_of(call: CarriedCall, patience_seconds: float) -> CallInput:
    """The workflow of a call that Postgres knows."""
    return CallInput(str(call.call_id), str(call.agent_id), call.slug, call.room, patience_seconds)


class Losses:
    """Tells of them off the path that carries calls; while Temporal is away, it sends the next agent."""

    def __init__(
        self, host: str, database: Database, news: CallNews, calls: CallActivities, salvage: Salvage
    ) -> None:
        self._host, self._database, self._news, self._calls = host, database, news, calls
        self._salvage = salvage
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Semaphore(AT_ONCE)

    def tell(self, end: CallEnd) -> None:
        """The agent of a call is gone, and its caller may wait. Never waits itself."""
        task = asyncio.create_task(self._tell(end), name=f"loss of {end.room}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, end: CallEnd) -> None:
        attempt = end.dispatch.attempt if end.dispatch else 1
        reason = CRASHED if end.crashed else CUT
        lost = AgentLost(attempt, reason, crashed=end.crashed, host=self._host, cut=end.cut)
        for _ in range(TRIES):
            try:
                async with self._turn:
                    call = await self._find(end.room)
                    if call is not None and not call.is_held_by_another(attempt, end.job_id):
                        await self._salvage.sweep(end.room, attempt)
                        await self._see_to(call, lost)
            except (SQLAlchemyError, OSError, RPCError, BionicError) as error:
                why = error.message if isinstance(error, BionicError) else type(error).__name__
                logger.warning("a lost agent is not told of yet: %s", why, extra={"room": end.room})
                await asyncio.sleep(TRY_SECONDS)
            else:
                return
        logger.error("a lost agent could not be told of", extra={"room": end.room})

    async def _find(self, room: str) -> CarriedCall | None:
        async with self._database.begin() as db_session:
            return await RecoveryRepository(db_session).in_room(room)

    async def _see_to(self, call: CarriedCall, lost: AgentLost) -> None:
        patience = self._calls.settings.bionic_join_seconds
        try:
            await self._news.agent_lost(input_of(call, patience), lost)
        except Unavailable:
            await self._calls.send(SendAgent(str(call.call_id), lost))

    async def close(self) -> None:
        """Wait a little for what is not told yet."""
        tasks = list(self._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
