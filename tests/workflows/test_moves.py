"""An agent that moves to another host as planned alarms nobody; one that finds no host does."""

from __future__ import annotations

import pytest

from common.status import Status
from tests.support.waiting import eventually
from tests.workflows.conftest import HOST, World
from workflows import policy
from workflows.agent import AgentWorkflow
from workflows.policy import HANDOVER, agent_workflow_id
from workflows.replica import ReplicaWorkflow
from workflows.types import ReplicaChanged, ReplicaReport, StopReplica

pytestmark = pytest.mark.integration

S, R, D = Status.STARTING, Status.RUNNING, Status.DEGRADED
WHY = "Host one is being drained"
GOING = f"{WHY}; another one takes over."


async def _tells(world: World, replica: str, report: ReplicaReport) -> None:
    agent = world.client.get_workflow_handle(agent_workflow_id(world.agent_id))
    await agent.signal(AgentWorkflow.replica_changed, ReplicaChanged(replica, report))


async def _moves(world: World, replica: str) -> None:
    await _tells(world, replica, ReplicaReport(S, 1, "one", None, GOING, moving=WHY))


async def _arrives(world: World, replica: str) -> None:
    await _tells(world, replica, ReplicaReport(R, 2, "two", "AW_2"))


async def test_a_planned_move_is_told_once_when_it_is_over(world: World) -> None:
    deployment = await world.deploy(1, replicas=2)
    await world.told(R, deployment.deployment_id)
    replicas = await world.hosting(2)
    for replica in replicas:
        await _moves(world, replica)
    for replica in replicas:
        await _arrives(world, replica)

    async def over() -> bool:
        return len(world.story(deployment.deployment_id)) > 2

    await eventually(over, "the move is told")
    assert world.story(deployment.deployment_id) == [S, R, R]
    told = next(record for record in reversed(world.records) if record.transitions)
    assert told.transitions[-1].reason == f"{WHY}: moved to two."
    assert told.transitions[-1].attempt == 2
    assert told.agent.last_error is None
    await world.report(replicas[0], D, 2, "LiveKit is away.")
    await world.told(D, deployment.deployment_id)
    assert world.story(deployment.deployment_id) == [S, R, R, D]


async def test_a_move_that_finds_no_host_in_time_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "MOVE_TIMEOUT", HANDOVER)
    deployment = await world.deploy(1)
    await world.told(R, deployment.deployment_id)
    (replica,) = await world.hosting(1)
    await _moves(world, replica)
    degraded = (await world.told(D, deployment.deployment_id)).transitions[-1]
    running = (await world.told(R, deployment.deployment_id)).transitions[-1]
    assert degraded.reason == GOING
    assert degraded.at - running.at >= HANDOVER

    await _arrives(world, replica)

    async def again() -> bool:
        return world.story(deployment.deployment_id)[-1] is R

    await eventually(again, "running again")
    assert world.records[-1].transitions[-1].reason is None


async def test_a_host_that_lets_it_go_before_another_one_has_it_is_heard(world: World) -> None:
    deployment = await world.deploy(1)
    await world.told(R, deployment.deployment_id)
    (replica,) = await world.hosting(1)
    await _moves(world, replica)
    gone = "Host one takes no calls any more."
    await _tells(world, replica, ReplicaReport(D, 1, "one", None, gone))
    assert (await world.told(D, deployment.deployment_id)).agent.last_error == gone
    await _arrives(world, replica)

    async def again() -> bool:
        return world.story(deployment.deployment_id) == [S, R, D, R]

    await eventually(again, "running again, and no word of a move")


async def test_a_replica_that_was_not_well_does_not_get_well_by_moving(world: World) -> None:
    deployment = await world.deploy(1)
    await world.told(R, deployment.deployment_id)
    (replica,) = await world.hosting(1)
    await _tells(world, replica, ReplicaReport(D, 1, "one", None, "LiveKit is away."))
    await world.told(D, deployment.deployment_id)
    await _moves(world, replica)
    await _arrives(world, replica)

    async def again() -> bool:
        return world.story(deployment.deployment_id)[-1] is R

    await eventually(again, "running again")
    assert world.story(deployment.deployment_id) == [S, R, D, D, R]


async def test_an_order_for_a_dead_host_does_not_end_the_attempt_that_is_elsewhere(world: World) -> None:
    """Both come in one task of its workflow: the first one waits in vain, the second is for who has it."""
    deployment = await world.deploy(1)
    await world.told(R, deployment.deployment_id)
    (replica,) = await world.hosting(1)
    world.deaf.add(1)
    handle = world.client.get_workflow_handle(replica)
    for attempt in (1, 2):
        await handle.signal(ReplicaWorkflow.stop, StopReplica(60, HOST, attempt))
    assert (await handle.result())["status"] == Status.STOPPED
    assert [each.attempt for each in world.releases] == [1, 2]
