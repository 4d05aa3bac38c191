"""Rounds of the reconciler, with looks and repairs that do what the test says."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from common.status import Status
from tests.support.temporal import details
from tests.support.waiting import eventually
from tests.workflows.conftest import World
from workflows.agent import AgentWorkflow
from workflows.policy import agent_workflow_id
from workflows.reconcile import ReconcileWorkflow
from workflows.reconcile_types import Drift, Look, Mended, Repair, Round, RoundInput, Suspect
from workflows.types import Seen

pytestmark = pytest.mark.integration

CALL = Suspect(Drift.CALL_OPEN, "c")


@dataclass
class Looks:
    """What is found, and what is asked for."""

    agents: Look | str = field(default_factory=lambda: Look(3))
    calls: Look | str = field(default_factory=lambda: Look(1))
    mended: list[list[Suspect]] = field(default_factory=list)

    @activity.defn
    async def look_at_agents(self) -> Look:
        return _or_fail(self.agents)

    @activity.defn
    async def look_at_calls(self) -> Look:
        return _or_fail(self.calls)

    @activity.defn
    async def mend_agents(self, suspects: list[Suspect]) -> Mended:
        self.mended.append(suspects)
        raise ApplicationError("Nothing can be mended.")

    @activity.defn
    async def mend_calls(self, suspects: list[Suspect]) -> Mended:
        self.mended.append(suspects)
        return Mended([Repair(Drift.CALL_OPEN, "a", "c", "It is closed.")], ["One LiveKit is away."])


def _or_fail(look: Look | str) -> Look:
    if isinstance(look, str):
        raise ApplicationError(look)
    return look


@asynccontextmanager
async def _round(client: Client, looks: Looks) -> AsyncIterator[WorkflowHandle[ReconcileWorkflow, Round]]:
    queue = f"reconcile-{uuid.uuid4()}"
    activities: list[Callable[..., Any]] = [
        looks.look_at_agents,
        looks.look_at_calls,
        looks.mend_agents,
        looks.mend_calls,
    ]
    async with Worker(client, task_queue=queue, workflows=[ReconcileWorkflow], activities=activities):
        yield await client.start_workflow(ReconcileWorkflow.run, RoundInput(0.1), id=queue, task_queue=queue)


async def test_a_round_without_drift_costs_little(temporal: Client) -> None:
    looks = Looks()
    async with _round(temporal, looks) as handle:
        assert await handle.result() == Round(3, 1, [], [])
        assert len([event async for event in handle.fetch_history_events()]) <= 17
        assert await details(handle) == "compared 3 agents and 1 calls: **0 repairs**"
    assert looks.mended == []


async def test_what_fails_is_said_and_stops_nothing_else(temporal: Client) -> None:
    looks = Looks("Postgres does not answer.", Look(1, [CALL]))
    async with _round(temporal, looks) as handle:
        done = await handle.result()
        assert "- not done: Postgres does not answer." in await details(handle)
    assert looks.mended == [[CALL]]
    assert [repair.what for repair in done.repairs] == ["It is closed."]
    assert done.troubles == ["Postgres does not answer.", "One LiveKit is away."]

    lost = Suspect(Drift.AGENT_LOST, "a")
    looks = Looks(Look(3, [lost]), Look(1, [CALL]))
    async with _round(temporal, looks) as handle:
        done = await handle.result()
    assert looks.mended == [[lost], [CALL]]
    assert done.troubles == ["Nothing can be mended.", "One LiveKit is away."]


async def test_an_agents_workflow_gives_account_and_tells_again(world: World) -> None:
    deployment = await world.deploy(1, replicas=2)
    await world.told(Status.RUNNING, deployment.deployment_id)
    agent = world.client.get_workflow_handle_for(AgentWorkflow.run, agent_workflow_id(world.agent_id))
    known = await agent.query(AgentWorkflow.account)
    assert (known.status, known.deployment_id) == (Status.RUNNING, deployment.deployment_id)
    assert (known.settled, known.told, known.missing) == (True, True, 0)
    assert list(known.replicas.values()) == [Status.RUNNING] * 2

    before = len(world.records)
    await agent.signal(AgentWorkflow.tell_again, 1000)

    async def again() -> bool:
        return len(world.records) > before

    await eventually(again, "everything told again")
    told = world.records[-1]
    assert told.agent.sequence > 1000
    assert [(t.sequence, t.status) for t in told.transitions] == [(3, Status.RUNNING)]
    assert [view.status for view in told.replicas] == [Status.RUNNING] * 2
    await world.stop()


async def test_a_deployment_that_ran_before_goes_on_in_its_numbers(world: World) -> None:
    deployment = await world.deploy(1, seen=Seen(40, 7, 9))
    running = await world.told(Status.RUNNING, deployment.deployment_id)
    assert [t.sequence for t in running.transitions] == [10, 11]
    assert running.agent.sequence > 40
    assert await world.hosting(1) == [f"agent-{world.agent_id}-v1-r8"]
    await world.stop()
