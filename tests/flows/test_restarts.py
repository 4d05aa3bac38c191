"""Every service may go, in order or killed: nothing that was accepted is lost, and calls work again."""

from __future__ import annotations

import signal

import pytest

from tests.support.caller import calling
from tests.support.platform import Platform
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

AGAIN_SECONDS = 60
"""How long the platform may take after an accident until callers are answered."""


async def _answers_calls(platform: Platform, slug: str) -> None:
    """A caller gets the agent: what counts, whatever the words for the state are."""

    async def answered() -> bool:
        token = await platform.token(slug)
        async with calling(token["url"], token["token"]) as caller:
            try:
                await caller.agent(seconds=3)
            except AssertionError:
                return False
            await caller.hears("Hello, how can I help?")
        return True

    await eventually(answered, f"a call of {slug}", seconds=AGAIN_SECONDS)


@pytest.mark.parametrize("service", ["runtime", "control", "api", "livekit", "temporal", "postgres"])
async def test_a_restart_of_any_service_loses_nothing(platform: Platform, service: str) -> None:
    agent = await platform.deployed(f"restart-{service}")
    before = await platform.agent(agent["id"])
    await platform.stack.restart(service)
    await platform.stack.wait_healthy(AGAIN_SECONDS)

    await _answers_calls(platform, agent["slug"])
    after = await platform.reaches(agent["id"], "running")
    assert after["config"] == before["config"]
    assert after["deployment"]["id"] == before["deployment"]["id"]
    transitions = [t["at"] for t in before["deployment"]["transitions"]]
    assert [t["at"] for t in after["deployment"]["transitions"]][: len(transitions)] == transitions
    await platform.stop(agent["id"])


@pytest.mark.parametrize("service", ["postgres", "temporal", "livekit", "control", "api"])
async def test_a_kill_of_any_server_loses_nothing(platform: Platform, service: str) -> None:
    kept = await platform.deployed(f"kept-{service}")
    accepted = await platform.create(f"accepted-{service}")
    process = platform.stack.process(service)
    starts = process.starts

    deployment = await platform.call("POST", f"/api/agents/{accepted['id']}/deploy", {}, expect=202)
    platform.stack.kill(service, signal.SIGKILL)

    async def again() -> bool:
        return process.starts > starts and process.running

    await eventually(again, f"{service} started again", seconds=AGAIN_SECONDS)
    await platform.stack.wait_healthy(AGAIN_SECONDS)
    running = await platform.reaches(accepted["id"], "running", seconds=AGAIN_SECONDS)
    assert running["deployment"]["id"] == deployment["id"]
    await _answers_calls(platform, accepted["slug"])
    await _answers_calls(platform, kept["slug"])
    after = await platform.reaches(kept["id"], "running", seconds=AGAIN_SECONDS)
    assert after["deployment"]["id"] == kept["deployment"]["id"]
    for agent in (kept, accepted):
        await platform.stop(agent["id"])
