"""Two who hand on the agents of one lost host: an attempt that is well elsewhere by then is left alone."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast
from uuid import UUID

import pytest
from temporalio import activity
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from activities.watch import HandOn, pending_stay, worker_identity
from db.engine import Database
from db.repositories.hosts import CarriedReplica
from tests.support.waiting import eventually
from tests.workflows.conftest import temporal_server
from workflows.agent import AgentWorkflow
from workflows.policy import CONTROL_QUEUE, RUNTIME_QUEUE, agent_workflow_id
from workflows.replica import ReplicaWorkflow
from workflows.types import AgentInput, HostDetails, ReplicaInput

pytestmark = pytest.mark.integration

HOST = "lost"
WHY = "It is lost."


@dataclass
class Carried:
    """A replica, and the process that carries its attempts."""

    client: Client
    tells: bool = True
    """Whether an attempt says which token it has."""

    replica: CarriedReplica = field(
        default_factory=lambda: CarriedReplica(f"replica-{uuid.uuid4()}", uuid.uuid4(), HOST)
    )
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @activity.defn
    async def host_agent(self, replica: ReplicaInput) -> None:
        """Stay, and say how it is as a host does."""
        info = activity.info()
        token = base64.b64encode(info.task_token).decode()
        details = HostDetails(HOST, "AW", connected=True, active_calls=0, calls_taken=0)
        while not self.over.is_set():
            if self.tells:
                details = HostDetails(
                    HOST,
                    "AW",
                    connected=True,
                    active_calls=0,
                    calls_taken=0,
                    attempt=info.attempt,
                    token=token,
                )
            activity.heartbeat(details)
            await asyncio.wait([asyncio.create_task(self.over.wait())], timeout=0.05)

    async def pending(self) -> PendingActivityInfo | None:
        """Its activity, as Temporal knows it."""
        described = await self.client.get_workflow_handle(self.replica.id).describe()
        return pending_stay(list(described.raw_description.pending_activities))

    async def reaches(self, attempt: int) -> None:
        """Return once that attempt runs, and has said how it is."""

        async def so() -> bool:
            found = await self.pending()
            if found is None or found.attempt != attempt or not found.heartbeat_details.payloads:
                return False
            (said,) = await self.client.data_converter.decode(found.heartbeat_details.payloads, [HostDetails])
            return not self.tells or cast("HostDetails", said).attempt == attempt

        await eventually(so, f"attempt {attempt} on its host")


@pytest.fixture(scope="module")
async def temporal() -> AsyncIterator[Client]:
    async with temporal_server() as client:
        yield client


@pytest.fixture(params=[True, False], ids=["token", "id"])
async def carried(request: pytest.FixtureRequest, temporal: Client) -> AsyncIterator[Carried]:
    """One that says which token it has, and one that does not."""
    found = Carried(temporal, tells=request.param)
    agent_id = str(found.replica.agent_id)
    async with AsyncExitStack() as workers:
        for worker in (
            Worker(temporal, task_queue=CONTROL_QUEUE, workflows=[AgentWorkflow, ReplicaWorkflow]),
            Worker(
                temporal,
                task_queue=RUNTIME_QUEUE,
                activities=[found.host_agent],
                identity=worker_identity(HOST, 1),
                max_heartbeat_throttle_interval=timedelta(seconds=0.1),
            ),
        ):
            await workers.enter_async_context(worker)
        agent = await temporal.start_workflow(
            AgentWorkflow.run,
            AgentInput(agent_id, "lost"),
            id=agent_workflow_id(agent_id),
            task_queue=CONTROL_QUEUE,
        )
        replica = await temporal.start_workflow(
            ReplicaWorkflow.run,
            ReplicaInput(agent_id, "lost", str(uuid.uuid4()), 1, 1),
            id=found.replica.id,
            task_queue=CONTROL_QUEUE,
        )
        await found.reaches(1)
        yield found
        found.over.set()
        await asyncio.wait_for(replica.result(), 10)
        await agent.terminate()


class Slow(HandOn):
    """Looks, and acts on what it saw only when it is told to."""

    looked: asyncio.Event
    acts: asyncio.Event

    async def _tell(self, replica: CarriedReplica, attempt: int) -> None:
        self.looked.set()
        await self.acts.wait()
        await super()._tell(replica, attempt)


def _hand_on(client: Client) -> HandOn:
    return HandOn(client, cast("Database", None), HOST, WHY)


async def test_it_begins_once_more_where_two_hand_it_on(carried: Carried) -> None:
    Slow.looked, Slow.acts = asyncio.Event(), asyncio.Event()
    slow = Slow(carried.client, cast("Database", None), HOST, WHY)
    second = asyncio.create_task(slow.these([carried.replica]))
    await asyncio.wait_for(Slow.looked.wait(), 5)
    assert await _hand_on(carried.client).these([carried.replica]) == 1
    await carried.reaches(2)
    Slow.acts.set()
    assert await asyncio.wait_for(second, 10) == 0
    assert (await carried.pending() or PendingActivityInfo()).attempt == 2, "nobody has thrown it off"


async def test_one_that_can_not_be_handed_on_does_not_keep_others_from_it(carried: Carried) -> None:
    class Unsteady:
        """A Temporal that does not answer about one of them."""

        def get_workflow_handle(self, workflow_id: str) -> object:
            if workflow_id == "silent":
                raise RPCError("too slow", RPCStatusCode.DEADLINE_EXCEEDED, b"")
            return carried.client.get_workflow_handle(workflow_id)

        def __getattr__(self, name: str) -> object:
            return getattr(carried.client, name)

    hand_on = _hand_on(cast("Client", Unsteady()))
    silent = CarriedReplica("silent", UUID(int=1), HOST)
    with pytest.raises(RPCError, match="too slow"):
        await hand_on.these([silent, carried.replica])
    await carried.reaches(2)
