"""The life of an agent: real workflows on a real Temporal, with a world that does what the test says."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from common.status import Status
from tests.support.waiting import eventually
from tests.workflows.conftest import World
from workflows import policy
from workflows.agent import AgentWorkflow
from workflows.policy import NOTICE, agent_workflow_id

pytestmark = pytest.mark.integration

V, S, R, D = Status.VALIDATING, Status.STARTING, Status.RUNNING, Status.DRAINING


async def test_deploy_and_stop(world: World) -> None:
    accepted = await world.deploy(1, replicas=2)
    assert accepted.status is V
    running = await world.told(R, accepted.deployment_id)
    assert (running.agent.status, running.agent.live_version) == (R, 1)
    both = [f"agent-{world.agent_id}-v1-r1", f"agent-{world.agent_id}-v1-r2"]
    assert await world.hosting(2) == both
    assert world.replicas() == dict.fromkeys(both, R)
    assert len(world.records) == 1, "what comes at once is written at once"

    await world.stop()
    stopped = await world.told(Status.STOPPED, accepted.deployment_id)
    assert [each.last for each in world.releases] == [True, True], "nobody else goes on with their calls"
    assert (stopped.agent.status, stopped.agent.live_version) == (Status.STOPPED, None)
    assert world.story(accepted.deployment_id) == [S, R, D, Status.STOPPED]
    assert world.replicas() == dict.fromkeys(both, Status.STOPPED)
    await world.hosting(0)


async def test_the_same_deployment_twice_is_one(world: World) -> None:
    first = await world.deploy(1)
    await world.told(R, first.deployment_id)
    again = await world.deploy(1, deployment_id=first.deployment_id)
    assert again.status is R
    assert world.story(first.deployment_id) == [S, R]


async def test_a_new_version_serves_before_the_old_one_goes(world: World) -> None:
    first = await world.deploy(1)
    await world.told(R, first.deployment_id)
    second = await world.deploy(2)
    running = await world.told(R, second.deployment_id)
    assert running.agent.live_version == 2
    replaced = await world.told(Status.STOPPED, first.deployment_id)
    assert replaced.transitions[-1].reason == "Replaced by version 2."
    assert replaced.agent.status is R
    assert world.replicas() == {
        f"agent-{world.agent_id}-v1-r1": Status.STOPPED,
        f"agent-{world.agent_id}-v2-r2": R,
    }
    assert await world.hosting(1) == [f"agent-{world.agent_id}-v2-r2"]
    notice = NOTICE.total_seconds()
    assert [each.notice_seconds for each in world.releases] == [notice], (
        "those with its token are on their way"
    )
    await world.stop()
    await world.told(Status.STOPPED, second.deployment_id)
    assert [each.notice_seconds for each in world.releases] == [notice, 0], "nobody is to come any more"


async def test_a_refused_version_fails_with_its_reason_and_the_old_one_stays(world: World) -> None:
    world.invalid[2] = "The key is wrong."
    first = await world.deploy(1)
    await world.told(R, first.deployment_id)
    second = await world.deploy(2)
    failed = await world.told(Status.FAILED, second.deployment_id)
    assert failed.transitions[-1].reason == "The key is wrong."
    assert (failed.agent.status, failed.agent.live_version) == (R, 1)
    assert failed.agent.deployment_id == first.deployment_id
    assert failed.agent.last_error == "The key is wrong."
    await world.hosting(1)


@pytest.mark.parametrize("promptly", [True, False])
async def test_a_validation_that_takes_long_does_not_keep_the_asker_waiting(
    world: World, *, promptly: bool
) -> None:
    world.slow[1] = 4.0
    async with asyncio.timeout(3.5):
        accepted = await world.deploy(1, promptly=promptly)
    assert accepted.status is V
    await world.told(R, accepted.deployment_id)
    assert world.story(accepted.deployment_id) == [S, R]


async def test_retry_after_the_cause_is_gone(world: World) -> None:
    world.invalid[1] = "No such model."
    deployment = await world.deploy(1)
    await world.told(Status.FAILED, deployment.deployment_id)
    world.invalid.clear()
    retried = await world.retry()
    assert (retried.deployment_id, retried.attempt) == (deployment.deployment_id, 2)
    running = await world.told(R, deployment.deployment_id)
    assert running.transitions[-1].attempt == 2
    assert running.agent.last_error is None


async def test_a_replica_that_can_never_run_fails_the_deployment(world: World) -> None:
    world.unhostable[1] = "The plugin is broken."
    deployment = await world.deploy(1, replicas=2)
    failed = await world.told(Status.FAILED, deployment.deployment_id)
    assert failed.transitions[-1].reason == "The plugin is broken."
    assert failed.agent.live_version is None
    await world.hosting(0)


async def test_a_version_that_never_registers_leaves_the_old_one_serving(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "START_AT_ONCE", timedelta(seconds=0.5))
    monkeypatch.setattr(policy, "START_PATIENCE", timedelta(seconds=3))
    first = await world.deploy(1)
    await world.told(R, first.deployment_id)
    before = await world.hosting(1)
    world.silent.add(2)
    second = await world.deploy(2)
    failed = await world.told(Status.FAILED, second.deployment_id)
    assert (failed.transitions[-1].reason or "").startswith(
        "Not registered with LiveKit within 0.05 minutes."
    )
    assert (failed.agent.status, failed.agent.live_version) == (R, 1)
    assert await world.hosting(1) == before
    assert world.story(first.deployment_id)[-1] is R


async def test_a_deploy_supersedes_one_that_is_under_way(world: World) -> None:
    world.silent.add(1)
    first = await world.deploy(1)
    await world.hosting(1)
    second = await world.deploy(2)
    await world.told(R, second.deployment_id)
    superseded = await world.told(Status.STOPPED, first.deployment_id)
    assert superseded.transitions[-1].reason == "Superseded by version 2."
    assert superseded.agent.status is not Status.STOPPED, "the agent itself is on its way"
    assert await world.hosting(1) == [f"agent-{world.agent_id}-v2-r2"]


async def test_a_stop_supersedes_a_rollout(world: World) -> None:
    world.silent.add(1)
    deployment = await world.deploy(1)
    await world.hosting(1)
    await world.stop()
    await world.told(Status.STOPPED, deployment.deployment_id)
    await world.hosting(0)


@pytest.mark.parametrize("under_way", [False, True])
async def test_nothing_of_a_deleted_agent_is_left(world: World, under_way: bool) -> None:
    if under_way:
        world.silent.add(1)
    deployment = await world.deploy(1)
    await world.hosting(1)
    if not under_way:
        await world.told(R, deployment.deployment_id)
    handle = world.client.get_workflow_handle(agent_workflow_id(world.agent_id))
    await handle.signal(AgentWorkflow.retire)
    await world.hosting(0)
    await handle.result()


async def test_more_and_fewer_replicas_keep_those_that_fit(world: World) -> None:
    first = await world.deploy(1, replicas=2)
    await world.told(R, first.deployment_id)
    before = await world.hosting(2)
    second = await world.deploy(1, replicas=3)
    await world.told(R, second.deployment_id)
    assert set(before) < set(await world.hosting(3))
    replaced = await world.told(Status.STOPPED, first.deployment_id)
    assert replaced.transitions[-1].reason == "Replaced by the same version with 3 replicas."
    third = await world.deploy(1, replicas=1)
    await world.told(R, third.deployment_id)
    assert await world.hosting(1) == before[:1]


async def test_another_livekit_needs_new_replicas(world: World) -> None:
    first = await world.deploy(1)
    await world.told(R, first.deployment_id)
    before = await world.hosting(1)
    world.fingerprint = "two"
    second = await world.deploy(1)
    await world.told(R, second.deployment_id)
    await world.told(Status.STOPPED, first.deployment_id)
    assert await world.hosting(1) != before


async def test_a_live_deployment_follows_its_replicas(world: World) -> None:
    deployment = await world.deploy(1, replicas=2)
    await world.told(R, deployment.deployment_id)
    replica, _ = await world.hosting(2)
    await world.report(replica, Status.DEGRADED, 1, "LiveKit is away.")
    degraded = await world.told(Status.DEGRADED, deployment.deployment_id)
    assert degraded.agent.last_error == "LiveKit is away."
    assert degraded.agent.live_version == 1

    await world.report(replica, Status.RUNNING, 2)
    await world.report(replica, Status.DEGRADED, 1, "Late words of the first attempt.")

    async def running_again() -> bool:
        return world.story(deployment.deployment_id)[-1] is R

    await eventually(running_again, "running again")
    assert world.story(deployment.deployment_id) == [S, R, Status.DEGRADED, R]
    assert world.records[-1].transitions[-1].attempt == 2


async def test_replicas_that_are_tried_again_together_are_one_more_attempt(world: World) -> None:
    deployment = await world.deploy(1, replicas=2)
    await world.told(R, deployment.deployment_id)
    for replica in await world.hosting(2):
        await world.report(replica, Status.DEGRADED, 2, "Its host was lost.")
    degraded = await world.told(Status.DEGRADED, deployment.deployment_id)
    for replica in await world.hosting(2):
        await world.report(replica, Status.RUNNING, 2)

    async def running_again() -> bool:
        return world.story(deployment.deployment_id)[-1] is R

    await eventually(running_again, "running again")
    assert {degraded.transitions[-1].attempt, world.records[-1].transitions[-1].attempt} == {2}


@pytest.mark.parametrize("wish", ["retry", "stop"])
async def test_what_the_state_does_not_allow_is_refused(world: World, wish: str) -> None:
    deployment = await world.deploy(1)
    await world.told(R, deployment.deployment_id)
    if wish == "stop":
        await world.stop()
        await world.told(Status.STOPPED, deployment.deployment_id)
    accepted = await _accepted_updates(world)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await (world.retry() if wish == "retry" else world.stop())
    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.type == "Conflict"
    assert await _accepted_updates(world) == accepted, "a refused wish adds no history"


async def _accepted_updates(world: World) -> int:
    history = await world.client.get_workflow_handle(agent_workflow_id(world.agent_id)).fetch_history()
    return sum(
        event.HasField("workflow_execution_update_accepted_event_attributes") for event in history.events
    )
