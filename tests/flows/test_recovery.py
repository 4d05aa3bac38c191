"""Calls whose agent is lost: another one comes, and goes on with the conversation."""

from __future__ import annotations

import time

import pytest

from agents.jobs import HUNG_SECONDS
from tests.support.caller import calling
from tests.support.jobs import call_processes
from tests.support.platform import ANSWER, ORDER, Platform, offline_config
from tests.support.recoveries import COMEBACK, another_agent, call_of, settled
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

LONG = (
    "The answer has many words, so that somebody has the time to kill the one who says them before the end."
)


async def test_an_agent_that_is_killed_amid_a_sentence_is_replaced_and_goes_on(platform: Platform) -> None:
    llm = {"provider": "scripted", "options": {"rules": [{"when": ORDER, "say": LONG}]}}
    agent = await platform.deployed("reborn", llm=llm)
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")
        first = (await caller.agent()).identity
        await caller.speaks(ORDER)

        async def speaking() -> bool:
            call = await call_of(platform, token["callId"])
            return any("many words" in said["text"] for said in call["speaking"])

        await eventually(speaking, "the agent amid its answer", seconds=20)
        (process,) = call_processes(platform.stack)
        began = time.monotonic()
        process.kill()
        await another_agent(caller, first, seconds=3)
        took = time.monotonic() - began
        assert took < 3
        await caller.hears(COMEBACK)
        await caller.hears("before the end.", seconds=20)
        call = await call_of(platform, token["callId"])
        assert call["status"] == "active"
        assert call["recoveries"] == 1
        said = [(turn["role"], turn["text"]) for turn in call["turns"]]
        assert said[:2] == [("agent", "Hello, how can I help?"), ("user", ORDER)]
        cut = call["turns"][2]
        assert cut["interrupted"]
        assert LONG.startswith(cut["text"].strip())
        assert "many words" in cut["text"]
    await platform.stop(agent["id"])


async def test_who_joins_with_an_old_token_long_after_a_redeploy_finds_the_new_version(
    platform: Platform,
) -> None:
    agent = await platform.deployed("late")
    path = f"/api/agents/{agent['id']}"
    token = await platform.token(agent["slug"])
    await platform.call("PATCH", path, {"config": offline_config(greeting="The second version.")})
    await platform.call("POST", f"{path}/deploy", {}, expect=202)

    async def old_is_gone() -> bool:
        replicas = (await platform.agent(agent["id"]))["registrations"]
        return [each["version"] for each in replicas] == [2]

    await eventually(old_is_gone, "the first version gone", seconds=30)
    async with calling(token["url"], token["token"]) as caller:
        await caller.agent(seconds=5)
        await caller.hears("The second version.")
        call = await settled(platform, token["callId"])
        assert (call["version"], call["recoveries"]) == (1, 1)
    await platform.stop(agent["id"])


async def test_a_caller_who_comes_back_to_the_room_goes_on(platform: Platform) -> None:
    agent = await platform.deployed("returning")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")

        async def noted() -> bool:
            return bool((await call_of(platform, token["callId"]))["turns"])

        await eventually(noted, "the greeting in the record")

    async def left() -> bool:
        return bool((await call_of(platform, token["callId"]))["status"] == "ended")

    await eventually(left, "the end of the call")
    async with calling(token["url"], token["token"]) as caller:
        await caller.agent(seconds=6)
        await caller.hears(COMEBACK)
        await caller.asks(ORDER, ANSWER, seconds=20)
        call = await settled(platform, token["callId"])
        assert (call["status"], call["endedAt"]) == ("active", None)
    await platform.stop(agent["id"])


async def test_an_agent_that_hangs_is_replaced(platform: Platform) -> None:
    agent = await platform.deployed("hangs")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")
        first = (await caller.agent()).identity
        (process,) = call_processes(platform.stack)
        process.suspend()
        await another_agent(caller, first, seconds=HUNG_SECONDS + 6)
        await caller.hears(COMEBACK)
    await platform.stop(agent["id"])
