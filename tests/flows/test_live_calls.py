"""Calls that go on while their agent is redeployed, stopped, or loses its host."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from tests.support.caller import Caller, calling
from tests.support.platform import ANSWER, ORDER, Json, Platform, offline_config
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

BACK_SECONDS = 10.0
"""From a host's death to its agents' registration, where it is started again: five, as the benchmark
measures, and what a busy machine adds."""

PATIENT = {"drainSeconds": 120}


async def _gone(caller: Caller, seconds: float) -> None:
    async def no_agent() -> bool:
        return not caller.agents

    await eventually(no_agent, "the agent to leave", seconds=seconds)


async def test_a_redeploy_leaves_the_running_call_to_its_version(platform: Platform) -> None:
    agent = await platform.deployed("redeployed", **PATIENT)
    path = f"/api/agents/{agent['id']}"
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")
        await platform.call(
            "PATCH", path, {"config": offline_config(greeting="The second version.", **PATIENT)}
        )
        await platform.call("POST", f"{path}/deploy", {}, expect=202)

        async def second_is_live() -> bool:
            return bool((await platform.agent(agent["id"]))["liveVersion"] == 2)

        await eventually(second_is_live, "version 2 live")
        late = await platform.token(agent["slug"])
        async with calling(late["url"], late["token"]) as other:
            await other.hears("The second version.")
        await caller.asks(ORDER, ANSWER, seconds=20)
    await platform.stop(agent["id"])


async def test_a_stop_lets_the_call_finish_and_a_second_one_ends_it(platform: Platform) -> None:
    agent = await platform.deployed("stopped", **PATIENT)
    stop = f"/api/agents/{agent['id']}/stop"
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")
        await platform.call("POST", stop, {"drain": True}, expect=202)
        refused = await platform.http.get(
            "/api/trpc/livekit.getToken", params={"input": f'{{"agentId":"{agent["slug"]}"}}'}
        )
        assert refused.status_code == 412
        await caller.asks(ORDER, ANSWER, seconds=20)
        assert (await platform.agent(agent["id"]))["status"] == "draining"

        began = time.monotonic()
        await platform.call("POST", stop, {"drain": False}, expect=202)
        await _gone(caller, 15)
        assert time.monotonic() - began < 15
    await platform.reaches(agent["id"], "stopped")


async def test_a_killed_host_is_told_of_and_its_agent_comes_back(platform: Platform) -> None:
    agent = await platform.deployed("killed")
    began = time.monotonic()
    platform.stack.kill("runtime", signal.SIGKILL)

    async def back() -> Json | None:
        now = await platform.agent(agent["id"])
        statuses = [t["status"] for t in now["deployment"]["transitions"]]
        return now if statuses[-2:] == ["degraded", "running"] else None

    again = await eventually(back, "a second attempt, told of and running", seconds=60)
    assert time.monotonic() - began < BACK_SECONDS
    cause = again["deployment"]["transitions"][-2]
    assert "host" in cause["reason"]
    assert cause["attempt"] == 2
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")
    await platform.stop(agent["id"])


async def test_a_stop_right_after_the_host_was_killed_ends(platform: Platform) -> None:
    agent = await platform.deployed("killed-and-stopped")
    platform.stack.kill("runtime", signal.SIGKILL)
    await platform.call("POST", f"/api/agents/{agent['id']}/stop", {"drain": False}, expect=202)
    await platform.reaches(agent["id"], "stopped", seconds=60)
    await platform.stack.wait_healthy(60)


async def test_a_call_survives_the_end_of_its_host(platform: Platform) -> None:
    agent = await platform.deployed("host-goes", **PATIENT)
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")
        stopping = asyncio.create_task(platform.stack.stop("runtime"))
        await asyncio.sleep(0)
        await caller.asks(ORDER, ANSWER, seconds=20)
    await stopping
    await platform.stack.start("runtime")
    await platform.reaches(agent["id"], "running", seconds=60)
    await platform.stop(agent["id"])
