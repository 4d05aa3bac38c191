"""An agent's workflow is lost: the next one goes on where Postgres is, with what the last one left behind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.status import Status
from tests.support.waiting import eventually
from tests.workflows.conftest import HOST, World
from workflows.policy import agent_workflow_id
from workflows.types import LeftReplica, Seen

pytestmark = pytest.mark.integration

R = Status.RUNNING


async def test_a_workflow_that_was_terminated_goes_on_where_postgres_is(world: World) -> None:
    first = await world.deploy(1)
    await world.told(R, first.deployment_id)
    await world.client.get_workflow_handle(agent_workflow_id(world.agent_id)).terminate("an accident")
    left = LeftReplica(f"agent-{world.agent_id}-v1-r1", first.deployment_id, 1, 1, R, 1, HOST)
    second = await world.deploy(1, seen=Seen(sequence=7, replicas=1, left=[left]))
    running = await world.told(R, second.deployment_id)
    assert running.agent.sequence > 7
    assert running.agent.live_deployment_id == second.deployment_id

    async def replaced() -> bool:
        return world.replicas() == {left.id: Status.STOPPED, f"agent-{world.agent_id}-v1-r2": R}

    await eventually(replaced, "the first replica to end once the second is there")
    assert [release.replica_id for release in world.releases] == [left.id]


async def test_what_a_workflow_that_was_terminated_left_behind_ends_with_the_agent(world: World) -> None:
    first = await world.deploy(1)
    await world.told(R, first.deployment_id)
    await world.client.get_workflow_handle(agent_workflow_id(world.agent_id)).terminate("an accident")
    left = LeftReplica(f"agent-{world.agent_id}-v1-r1", first.deployment_id, 1, 1, R, 1, HOST)
    gone = replace(left, id=f"agent-{world.agent_id}-v1-r2", number=2)
    world.silent.add(2)
    second = await world.deploy(2, seen=Seen(sequence=7, replicas=2, left=[left, gone]))
    assert len(await world.hosting(2)) == 2
    await world.stop()
    await world.told(Status.STOPPED, second.deployment_id)
    assert set(world.replicas().values()) == {Status.STOPPED}
    assert len(world.replicas()) == 3


async def test_what_a_workflow_that_was_terminated_left_behind_serves_on_where_the_next_rollout_fails(
    world: World,
) -> None:
    first = await world.deploy(1)
    await world.told(R, first.deployment_id)
    await world.client.get_workflow_handle(agent_workflow_id(world.agent_id)).terminate("an accident")
    left = LeftReplica(f"agent-{world.agent_id}-v1-r1", first.deployment_id, 1, 1, R, 1, HOST)
    world.unhostable[2] = "The provider is gone."
    second = await world.deploy(2, seen=Seen(sequence=7, replicas=1, left=[left]))
    await world.told(Status.FAILED, second.deployment_id)
    assert await world.hosting(1) == [left.id]
    assert world.releases == []
    third = await world.deploy(1)
    await world.told(R, third.deployment_id)

    async def replaced() -> bool:
        return [release.replica_id for release in world.releases] == [left.id]

    await eventually(replaced, "it to end once another replica is there")
