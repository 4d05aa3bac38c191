"""What a host tells of its calls: that their agent is on its way, and that it was lost or cut off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

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

T = TypeVar("T")

CRASHED = "The agent's process crashed."
CUT = "The agent's time to stay was over."
BROUGHT_NOBODY = "The agent ended before it was in the call."
TRIES = 300
TRY_SECONDS = 1.0
"""Between two tries: Postgres may be away for five minutes, and a caller waits."""

TAKING_TRIES = 15
"""An agent that is on its way is there by then, or lost."""

SOON_THERE_SECONDS = 0.4
"""Before a call is noted as taken: most agents are there by then. Nobody asks sooner than `TAKEN_WITHIN`."""

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
        self._taking: dict[str, asyncio.Task[None]] = {}
        """By LiveKit's job: what is to be noted of it, or was a moment ago."""
        self._losses, self._takes = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(AT_ONCE)

    def taken(self, call: CallTaken) -> None:
        """An agent is on its way to a call. Never waits."""
        self._taking[call.job_id] = task = self._spawn(self._take(call))
        task.add_done_callback(lambda _: self._taking.pop(call.job_id, None))

    def over(self, end: CallEnd) -> None:
        """The agent of a call is gone, and its caller may wait. Never waits itself."""
        self._spawn(self._tell(end, self._taking.get(end.job_id)))

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name="report of a call")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _take(self, call: CallTaken) -> None:
        await asyncio.sleep(SOON_THERE_SECONDS)

        async def _note() -> None:
            async with self._takes, self._database.begin() as db_session:
                joining, lease = JoiningRepository(db_session), self._lease
                await joining.taken(call.room, _attempt(call), call.job_id, lease.name, lease.process)

        await self._at_last(_note, "an agent that is on its way", call.room, TAKING_TRIES)

    async def _tell(self, end: CallEnd, taking: asyncio.Task[None] | None) -> None:
        if taking:  # what is gone is not on its way
            taking.cancel()
            await asyncio.wait([taking])

        async def _release() -> bool:
            async with self._losses:
                return await self._ended(end, noted=taking is None)

        async def _see_to_it() -> None:
            async with self._losses:
                await self._see_to(end)

        lost = end.crashed or end.cut or await self._at_last(_release, "the end of a job", end.room)
        if lost and (end.crashed or end.cut or not end.told):
            await self._at_last(_see_to_it, "a lost agent", end.room)

    async def _ended(self, end: CallEnd, *, noted: bool = True) -> bool:
        async with self._database.begin() as db_session:
            joining = JoiningRepository(db_session)
            return await joining.ended(end.room, _attempt(end), end.job_id, noted=noted)

    async def _see_to(self, end: CallEnd) -> None:
        attempt = _attempt(end)
        async with self._database.begin() as db_session:
            call = await RecoveryRepository(db_session).in_room(end.room)
        if call is None:
            return
        if call.is_held_by_another(attempt, end.job_id):
            logger.info("another agent of the same dispatch is in the call", extra={"room": end.room})
            return
        await self._salvage.sweep(end.room, attempt)
        await self._tell_of_loss(call, end)
        # Last: where this host dies meanwhile, its next process finds by it that the call is alone.
        await self._ended(end)

    async def _tell_of_loss(self, call: CarriedCall, end: CallEnd) -> None:
        host: str | None = self._lease.name
        reason = CRASHED if end.crashed else CUT
        if not (end.crashed or end.cut):
            # By now another one may be there: without a host, that is looked at.
            host, reason = None, BROUGHT_NOBODY
        lost = AgentLost(_attempt(end), reason, crashed=end.crashed, host=host, cut=end.cut)
        try:
            await self._news.agent_lost(input_of(call, self._calls.settings.bionic_join_seconds), lost)
        except Unavailable:
            await self._calls.send(SendAgent(str(call.call_id), lost))

    async def _at_last(
        self, report: Callable[[], Awaitable[T]], what: str, room: str, tries: int = TRIES
    ) -> T | None:
        for _ in range(tries):
            try:
                return await report()
            except (SQLAlchemyError, OSError, RPCError, BionicError) as error:
                why = error.message if isinstance(error, BionicError) else type(error).__name__
                logger.warning("%s is not told of yet: %s", what, why, extra={"room": room})
                await asyncio.sleep(TRY_SECONDS)
        logger.error("%s could not be told of", what, extra={"room": room})
        return None

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
