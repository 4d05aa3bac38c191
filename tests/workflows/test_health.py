"""Who takes calls is who is well: after a trial, among too many replicas, in whatever order reports come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from common.status import Status
from tests.support.waiting import eventually
from tests.workflows.conftest import World
from workflows import policy
from workflows.canary_types import CanaryStep
from workflows.types import DeploymentState

pytestmark = pytest.mark.integration

R, F, D = Status.RUNNING, Status.FAILED, Status.DEGRADED
STEP = CanaryStep(10, 0.05)


async def _loses_livekit_on_trial(world: World) -> DeploymentState:
    """Version 2, which has served its trial and is not registered; version 1 is live."""
    first = await world.deploy(1)
    await world.told(R, first.deployment_id)
    second = await world.deploy(2, canary=[STEP])

    async def tried() -> bool:
        return bool(world.trials)

    await eventually(tried, "the trial")
    await world.report(f"agent-{world.agent_id}-v2-r2", D, 1, "LiveKit is away.")

    async def is_over() -> bool:
        return datetime.now(UTC) > world.trials[0].until

    await eventually(is_over, "the end of the trial")
    return second


async def test_a_version_that_is_not_registered_after_its_trial_does_not_take_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "START_AT_ONCE", timedelta(seconds=0.2))
    monkeypatch.setattr(policy, "START_PATIENCE", timedelta(seconds=3))
    second = await _loses_livekit_on_trial(world)
    failed = await world.told(F, second.deployment_id)
    assert (failed.transitions[-1].reason or "").endswith("LiveKit is away.")
    assert (failed.agent.status, failed.agent.live_version, failed.agent.canary) == (R, 1, None)
    assert await world.hosting(1) == [f"agent-{world.agent_id}-v1-r1"]


async def test_one_that_is_registered_again_takes_over(world: World) -> None:
    second = await _loses_livekit_on_trial(world)
    assert R not in world.story(second.deployment_id)
    await world.report(f"agent-{world.agent_id}-v2-r2", R, 1)
    running = await world.told(R, second.deployment_id)
    assert running.agent.live_version == 2


async def test_a_trial_says_nothing_of_the_version_after(world: World) -> None:
    first = await world.deploy(1)
    await world.told(R, first.deployment_id)
    second = await world.deploy(2, canary=[CanaryStep(10, 0.01)])
    passed = await world.told(R, second.deployment_id)
    assert passed.transitions[-1].reason == "No worse in 7 calls."
    third = await world.deploy(3)
    running = await world.told(R, third.deployment_id)
    assert running.transitions[-1].reason is None


async def test_of_too_many_replicas_the_healthy_stay(world: World) -> None:
    first = await world.deploy(1, replicas=3)
    await world.told(R, first.deployment_id)
    sick, *healthy = await world.hosting(3)
    await world.report(sick, D, 1, "LiveKit is away.")
    await world.told(D, first.deployment_id)
    second = await world.deploy(1, replicas=2)
    await world.told(R, second.deployment_id)
    assert await world.hosting(2) == healthy


async def test_a_report_that_was_overtaken_is_old_news(world: World) -> None:
    deployment = await world.deploy(1)
    await world.told(R, deployment.deployment_id)
    (replica,) = await world.hosting(1)
    await world.report(replica, D, 1, "LiveKit is away.", number=2)
    await world.told(D, deployment.deployment_id)
    await world.report(replica, R, 1, number=4)
    await world.report(replica, D, 1, "Late words.", number=3)
    await world.report(replica, D, 2, "Its host was lost.", number=1)

    async def lost() -> bool:
        return "Its host was lost." in reasons()

    def reasons() -> list[str | None]:
        return [each.reason for record in world.records for each in record.transitions]

    await eventually(lost, "the next attempt's word")
    assert "Late words." not in reasons()
