"""A version on trial gets its share, and takes over or goes by itself."""

from __future__ import annotations

import pytest

from common.status import Status
from tests.support.waiting import eventually
from tests.workflows.conftest import World
from workflows.canary_types import CanaryStep, Share
from workflows.record_types import RecordInput
from workflows.types import DeploymentState

pytestmark = pytest.mark.integration

S, R, F = Status.STARTING, Status.RUNNING, Status.FAILED
MOMENT, LONG = 0.01, 60.0
"""Minutes."""


async def _on_trial(world: World, *steps: CanaryStep) -> tuple[DeploymentState, DeploymentState]:
    """Version 1 is live, version 2 has its first share."""
    first = await world.deploy(1)
    await world.told(R, first.deployment_id)
    second = await world.deploy(2, canary=steps)
    await _shared(world, second)
    return first, second


async def _shared(world: World, deployment: DeploymentState) -> None:
    """Wait until it has a share."""

    async def sharing() -> bool:
        canary = world.records[-1].agent.canary
        return canary is not None and canary.deployment_id == deployment.deployment_id

    await eventually(sharing, "a share of the calls")


def _shares(records: list[RecordInput]) -> list[float | None]:
    """The shares that were told, each once."""
    told = [record.agent.canary.percent if record.agent.canary else None for record in records]
    return [now for before, now in zip([None, *told], told, strict=False) if now != before]


async def test_a_fit_version_takes_step_after_step_and_then_all_calls(world: World) -> None:
    first, second = await _on_trial(world, CanaryStep(10, MOMENT), CanaryStep(50, MOMENT))
    shared = world.records[-1].agent
    assert shared.canary == Share(second.deployment_id, 2, 10)
    assert (shared.status, shared.live_version, shared.deployment_id) == (R, 1, first.deployment_id)
    running = await world.told(R, second.deployment_id)
    assert running.agent.live_version == 2
    assert running.transitions[-1].reason == "No worse in 7 calls."
    assert _shares(world.records) == [10, 50, None]
    assert world.story(second.deployment_id) == [S, S, S, R]
    reasons = [t.reason or "" for r in world.records for t in r.transitions if t.status is S]
    assert any(
        reason == f"No worse in 7 calls. Canary: 50 % of new calls for {MOMENT} min, step 2 of 2."
        for reason in reasons
    )
    began = {trial.since for trial in world.trials}
    assert len(began) == 1, "calls of all steps count"
    await world.told(Status.STOPPED, first.deployment_id)
    await world.hosting(1)


async def test_a_worse_version_is_rolled_back_and_says_why(world: World) -> None:
    first, second = await _on_trial(world, CanaryStep(10, LONG))
    world.breach = "3 of 12 calls crashed."
    failed = await world.told(F, second.deployment_id)
    assert failed.transitions[-1].reason == "Rolled back from 10 % of new calls. 3 of 12 calls crashed."
    assert failed.agent.canary is None
    assert (failed.agent.status, failed.agent.live_version) == (R, 1)
    assert await world.hosting(1) == [f"agent-{world.agent_id}-v1-r1"]
    assert first.deployment_id == failed.agent.deployment_id


async def test_a_replica_that_fails_ends_the_trial(world: World) -> None:
    _, second = await _on_trial(world, CanaryStep(10, LONG))
    await world.report(f"agent-{world.agent_id}-v2-r2", F, 1, "It broke.")
    failed = await world.told(F, second.deployment_id)
    assert (failed.transitions[-1].reason or "").endswith("It broke.")
    assert failed.agent.live_version == 1


@pytest.mark.parametrize("wish", ["deploy", "stop"])
async def test_another_wish_breaks_the_trial_off(world: World, wish: str) -> None:
    first, second = await _on_trial(world, CanaryStep(10, LONG))
    third = await (world.deploy(3) if wish == "deploy" else world.stop())
    ended = await world.told(Status.STOPPED, second.deployment_id)
    assert ended.agent.canary is None
    await world.told(R if wish == "deploy" else Status.STOPPED, third.deployment_id)
    await world.told(Status.STOPPED, first.deployment_id)
    await world.hosting(1 if wish == "deploy" else 0)


async def test_the_replicas_of_a_trial_end_before_the_next_trial(world: World) -> None:
    _, second = await _on_trial(world, CanaryStep(10, LONG))
    third = await world.deploy(3, canary=[CanaryStep(20, LONG)])
    await world.told(Status.STOPPED, second.deployment_id)
    await _shared(world, third)
    agent = f"agent-{world.agent_id}"
    assert await world.hosting(2) == [f"{agent}-v1-r1", f"{agent}-v3-r3"]


async def test_where_nothing_takes_calls_there_is_nothing_to_compare_with(world: World) -> None:
    deployment = await world.deploy(1, canary=[CanaryStep(10, LONG)])
    running = await world.told(R, deployment.deployment_id)
    assert running.agent.live_version == 1
    assert running.transitions[-1].reason == "Without a trial: no other version took calls."
    assert not world.trials
