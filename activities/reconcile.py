"""What the control worker does for rounds of the reconciler."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

import aiohttp
from sqlalchemy.exc import SQLAlchemyError
from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError

from activities.drifts import PAGE, Comparison
from activities.errors import told_to_temporal
from activities.mending import Mender
from activities.open_calls import RoomCheck
from activities.unheard_callers import UnheardCallers
from common.errors import BionicError
from common.settings import Settings
from db.engine import Database
from db.repositories.drifts import DriftRepository, OpenCall
from db.repositories.repairs import NewRepair, RepairRepository
from workflows.reconcile_types import Drift, Look, Mended, Repair, Suspect

logger = logging.getLogger(__name__)

MOST = 1000
"""Suspects of one round; what is left over is found by the next one."""

AT_ONCE = 8
"""Agents that are looked at at the same time."""

KEPT = timedelta(days=30)
"""How long repairs are told of."""

UNHEARD_AGE = timedelta(seconds=20)

SHARE = 0.1
"""More than one deleted agent, and than this share of all, are no accident: is it the right database?"""


@dataclass(frozen=True)
class ReconcileActivities:
    """Two looks and what follows from them."""

    client: Client
    database: Database
    settings: Settings
    http: aiohttp.ClientSession
    page: int = PAGE

    @activity.defn
    async def look_at_agents(self) -> Look:
        """Compare what Temporal runs with what Postgres tells."""
        comparison = Comparison(self.client, self.database, activity.heartbeat, self.page)
        with told_to_temporal():
            async with self.database.begin() as db_session:
                await RepairRepository(db_session).forget(KEPT)
                unheard = await DriftRepository(db_session).unheard(UNHEARD_AGE, MOST)
            found = await comparison.suspects()
        found += [Suspect(Drift.UNHEARD, str(each.agent_id), [str(each.id)]) for each in unheard]
        found, troubles = _braked(found, comparison.running)
        return Look(comparison.seen, found[:MOST], troubles)

    @activity.defn
    async def look_at_calls(self) -> Look:
        """Compare the calls that Postgres holds open with LiveKit's rooms, and with what workflows know."""
        check = RoomCheck(self.database, self.settings, self.http, activity.heartbeat)
        with told_to_temporal():
            unheard = await self._unheard.found()
            roomless, entered = await check.roomless(), await check.entered()
        gone = {call.id for call in roomless}
        alone = [str(call.call_id) for call in unheard if call.call_id not in gone]
        alone += [str(call.id) for call in entered]
        suspects = [Suspect(Drift.CALLER_UNHEARD, each) for each in alone[: MOST // 2]]
        suspects += [Suspect(Drift.CALL_OPEN, str(call.id)) for call in roomless]
        return Look(check.seen, suspects[:MOST], sorted(check.troubles.values()))

    @activity.defn
    async def mend_agents(self, suspects: list[Suspect]) -> Mended:
        """Look again at agents that differed, each by itself, and put right what differs still."""
        mender = Mender(self.client, self.database, self.settings, self.http)
        return await self._each([partial(mender.mend, each) for each in suspects])

    @activity.defn
    async def mend_calls(self, suspects: list[Suspect]) -> Mended:
        """Look again for the rooms of calls, and close those that have none; tell of callers who wait."""
        check = RoomCheck(self.database, self.settings, self.http, activity.heartbeat)
        with told_to_temporal():
            roomless = await check.roomless(_subjects(suspects, Drift.CALL_OPEN))
            waiting = _subjects(suspects, Drift.CALLER_UNHEARD)
            await check.meet(await check.entered(waiting))
            unheard = await self._unheard.found(waiting)
        closing = [partial(self._close, check, call) for call in roomless]
        mended = await self._each([*closing, *(partial(self._unheard.tell, call) for call in unheard)])
        return Mended(mended.repairs, sorted(check.troubles.values()) + mended.troubles)

    async def _close(self, check: RoomCheck, call: OpenCall) -> list[Repair]:
        """Its workflow puts the record in order; where that is gone, another one does."""
        repairs = await check.close(call)
        if repairs:
            await self._unheard.over(call.room)
        return repairs

    @property
    def _unheard(self) -> UnheardCallers:
        return UnheardCallers(self.client, self.database, self.settings.bionic_join_seconds)

    async def _each(self, jobs: Sequence[Callable[[], Awaitable[list[Repair]]]]) -> Mended:
        """Do all of them, some at a time, and tell what was put right; one that fails stops no other."""
        turn = asyncio.Semaphore(AT_ONCE)
        done = Mended()

        async def _one(job: Callable[[], Awaitable[list[Repair]]]) -> None:
            async with turn:
                activity.heartbeat()
                try:
                    repairs = await job()
                    done.repairs.extend(repairs)
                    await self._tell(repairs)
                except Exception as error:  # noqa: BLE001 - whatever it is, the next round tries again
                    done.troubles.append(_reason(error))

        await asyncio.gather(*(_one(job) for job in jobs))
        return Mended(done.repairs, sorted(set(done.troubles)))

    async def _tell(self, repairs: list[Repair]) -> None:
        if not repairs:
            return
        for each in repairs:
            extra = {"kind": each.kind, "agent": each.agent_id, "subject": each.subject}
            logger.warning("repaired: %s", each.what, extra=extra)
        rows = [
            NewRepair(each.kind, UUID(each.agent_id) if each.agent_id else None, each.subject, each.what)
            for each in repairs
        ]
        async with self.database.begin() as db_session:
            await RepairRepository(db_session).add(rows)


def _subjects(suspects: Sequence[Suspect], drift: Drift) -> list[UUID]:
    return [UUID(each.subject) for each in suspects if each.drift is drift]


def _braked(suspects: list[Suspect], running: int) -> tuple[list[Suspect], list[str]]:
    """Without the deleted agents where they are too many to be true, and that this is so."""
    gone = [each for each in suspects if each.drift is Drift.AGENT_DELETED]
    if len(gone) <= max(1, SHARE * running):
        return suspects, []
    rest = [each for each in suspects if each.drift is not Drift.AGENT_DELETED]
    doubt = f"Postgres does not know {len(gone)} of {running} agents that run. Is it the right database?"
    return rest, [f"{doubt} None of them was stopped."]


def _reason(error: Exception) -> str:
    if isinstance(error, BionicError):
        return error.message
    if isinstance(error, RPCError):
        return f"Temporal did not do it: {error.message}"
    if isinstance(error, SQLAlchemyError | OSError):
        return "Postgres does not answer."
    logger.error("a repair failed", exc_info=error)
    return f"A repair failed: {type(error).__name__}. The control worker's log tells more."
