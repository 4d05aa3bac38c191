"""Callers who wait while nobody sends an agent: what their call's workflow should have been told is lost.

The API tells it after LiveKit's webhook was written down, and may die in between; somebody may have ended the
workflow in Temporal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from temporalio.client import Client

from activities.call_reports import input_of
from db.engine import Database
from db.repositories.recoveries import CarriedCall, RecoveryRepository
from workflows.absence import is_awake
from workflows.call_wishes import CallNews
from workflows.policy import call_workflow_id
from workflows.reconcile_types import Drift, Repair

AGE = timedelta(seconds=15)
"""A workflow that knows of the caller has sent an agent by then."""

MOST = 1000
RPC_TIMEOUT = timedelta(seconds=5)


@dataclass(frozen=True)
class UnheardCallers:
    """Finds them, and tells their calls' workflows, which look for themselves before they send anybody."""

    client: Client
    database: Database
    patience_seconds: float

    async def found(self, only: Sequence[UUID] | None = None) -> Sequence[CarriedCall]:
        """Calls whose caller is alone for long, though nobody may be to blame; of `only` those, which were
        found before."""
        age = AGE if only is None else timedelta()
        async with self.database.begin() as db_session:
            return await RecoveryRepository(db_session).without_agent(age, MOST, only)

    async def tell(self, call: CarriedCall) -> list[Repair]:
        """Have the workflow hear of its caller; it is started where there is none.

        One that is awake may be taken in by an agent that is lost and still in the room. It looks, no more.
        """
        knew = await is_awake(self.client, call_workflow_id(str(call.call_id)), RPC_TIMEOUT)
        await CallNews(self.client).caller_came(input_of(call, self.patience_seconds))
        if knew:
            return []
        what = f"A caller waited in room {call.room} and no agent was sent: the call's workflow knows now."
        return [Repair(Drift.CALLER_UNHEARD, str(call.agent_id), str(call.call_id), what)]

    async def over(self, room: str) -> None:
        """Have the workflow hear that a room is gone."""
        async with self.database.begin() as db_session:
            call = await RecoveryRepository(db_session).of_room(room)
        if call is not None:
            await CallNews(self.client).over(input_of(call, self.patience_seconds))
