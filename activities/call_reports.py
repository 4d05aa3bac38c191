"""What a host tells of its calls: that their agent is on its way, and that it was lost or cut off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine

from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError

from activities.lease import Lease
from activities.recovery import CallActivities
from activities.salvage import Salvage
from agents.offers import CallEnd, CallTaken
from common.errors import BionicError, Unavailable
from db.engine import Database
from db.repositories.joining import JoiningRepository
from db.repositories.recoveries import CarriedCall, RecoveryRepository
from workflows.call_types import AgentLost, CallInput, SendAgent
from workflows.call_wishes import CallNews

logger = logging.getLogger(__name__)

CRASHED = "The agent's process crashed."
CUT = "The agent's time to stay was over."
TRIES = 300
TRY_SECONDS = 1.0
"""Between two tries: Postgres may be away for five minutes, and a caller waits."""

TAKING_TRIES = 15
"""An agent that is on its way is there by then, or lost."""

SOON_THERE_SECONDS = 0.25
"""Before a call is noted as taken: most agents need a moment more, and that moment is theirs."""

CLOSE_SECONDS = 5.0
AT_ONCE = 16
"""Reports that are made at the same time. While Temporal is away, each loss waits for its answer first."""


def input_of(call: CarriedCall, patience_seconds: float) -> CallInput:
    """The workflow of a call that Postgres knows."""
    return CallInput(str(call.call_id), str(call.agent_id), call.slug, call.room, patience_seconds)


class CallReports:
    """Tells of them off the path that carries calls. Postgres hears that an agent is on its way, a call's
    workflow that one is lost, for nobody else can tell; while Temporal is away, this sends the next agent.
    """

    def __init__(
        self, lease: Lease, database: Database, news: CallNews, calls: CallActivities, salvage: Salvage
    ) -> None:
        self._lease, self._database, self._news, self._calls = lease, database, news, calls
        self._salvage = salvage
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Semaphore(AT_ONCE)

    def taken(self, call: CallTaken) -> None:
        """An agent is on its way to a call. Never waits."""
        self._spawn(self._take(call))

    def over(self, end: CallEnd) -> None:
        """The agent of a call is gone, and its caller may wait. Never waits itself."""
        self._spawn(self._tell(end))

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work, name="report of a call")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, call: CallTaken) -> None:
        await asyncio.sleep(SOON_THERE_SECONDS)
        attempt = _attempt(call)

        async def _note() -> None:
            async with self._database.begin() as db_session:
                joining = JoiningRepository(db_session)
                await joining.taken(call.room, attempt, call.job_id, self._lease.name, self._lease.process)

        await self._at_last(_note, "an agent that is on its way", call.room, TAKING_TRIES)

    async def _tell(self, end: CallEnd) -> None:
        attempt = _attempt(end)
        reason = CRASHED if end.crashed else CUT
        lost = AgentLost(attempt, reason, crashed=end.crashed, host=self._lease.name, cut=end.cut)

        async def _see_to_it() -> None:
            call = await self._find(end.room)
            if call is None:
                return
            if call.is_held_by_another(attempt, end.job_id):
                logger.info("another agent of the same dispatch is in the call", extra={"room": end.room})
                return
            await self._salvage.sweep(end.room, attempt)
            await self._see_to(call, lost)

        await self._at_last(_see_to_it, "a lost agent", end.room)

    async def _at_last(
        self, report: Callable[[], Awaitable[None]], what: str, room: str, tries: int = TRIES
    ) -> None:
        for _ in range(tries):
            try:
                async with self._turn:
                    await report()
            except (SQLAlchemyError, OSError, RPCError, BionicError) as error:
                why = error.message if isinstance(error, BionicError) else type(error).__name__
                logger.warning("%s is not told of yet: %s", what, why, extra={"room": room})
                await asyncio.sleep(TRY_SECONDS)
            else:
                return
        logger.error("%s could not be told of", what, extra={"room": room})

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


def _attempt(call: CallTaken | CallEnd) -> int:
    return call.dispatch.attempt if call.dispatch else 1
