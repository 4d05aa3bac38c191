"""Faults 3 and 11: agents move, to another host or another version, and callers come all the while."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.caller import calling
from tests.support.hosts import another_host, carriers, listed
from tests.support.outages import GREETING, callers_all_the_time, reaches_attempt
from tests.support.platform import ANSWER, ORDER, Json, Platform, offline_config
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

PATIENT = {"drainSeconds": 60}
EVERY_SECONDS = 0.5
AFTERWARDS_SECONDS = 3.0
"""How long callers go on coming when the move is over: the old host takes none by then."""


@asynccontextmanager
async def _deployed_on(platform: Platform, host: str) -> AsyncIterator[Json]:
    """An agent that this one of two hosts carries: Temporal gives it to either."""
    for _ in range(20):
        agent = await platform.deployed("moved", **PATIENT)
        if await carriers(platform, agent["id"]) == [host]:
            break
        await platform.stop(agent["id"])
    else:
        raise AssertionError(f"host {host} was given nothing")
    yield agent
    await platform.stop(agent["id"])


async def test_a_host_that_goes_moves_its_agents_first_and_drops_no_call(platform: Platform) -> None:
    name = f"going-{uuid.uuid4().hex[:6]}"
    async with another_host(platform, name) as host, _deployed_on(platform, name) as agent:
        token = await platform.token(agent["slug"])
        async with calling(token["url"], token["token"]) as caller:
            await caller.hears(GREETING)
            mine = caller.agents[0].identity
            async with callers_all_the_time(platform, agent["slug"], EVERY_SECONDS) as answered:
                host.terminate()
                await reaches_attempt(platform, agent["id"], 2, 30)
                await asyncio.sleep(AFTERWARDS_SECONDS)
            assert len(answered) > AFTERWARDS_SECONDS / EVERY_SECONDS / 2
            assert host.returncode is None, "it waits for its last call"
            await caller.asks(ORDER, ANSWER, seconds=20)
            assert [each.identity for each in caller.agents] == [mine]
        assert await asyncio.wait_for(host.wait(), 30) == 0
        assert await listed(platform, name) is None, "it took its leave"


async def test_nobody_is_left_alone_while_a_new_version_takes_over(platform: Platform) -> None:
    agent = await platform.deployed("renewed", **PATIENT)
    path = f"/api/agents/{agent['id']}"
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears(GREETING)
        mine = caller.agents[0].identity
        async with callers_all_the_time(platform, agent["slug"], EVERY_SECONDS) as answered:
            for version in (2, 3):
                early = await platform.token(agent["slug"])
                config = offline_config(greeting=f"Version {version}.", **PATIENT)
                await platform.call("PATCH", path, {"config": config})
                await platform.call("POST", f"{path}/deploy", {}, expect=202)

                async def live(wanted: int = version) -> bool:
                    return bool((await platform.agent(agent["id"]))["liveVersion"] == wanted)

                await eventually(live, f"version {version} live")
                async with calling(early["url"], early["token"]) as late:
                    await late.agent()
        assert len(answered) >= 3
        await caller.asks(ORDER, ANSWER, seconds=20)
        assert [each.identity for each in caller.agents] == [mine]
    await platform.stop(agent["id"])
