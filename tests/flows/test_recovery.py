"""Calls whose agent is lost: another one comes, and goes on with the conversation."""

from __future__ import annotations

import time

import pytest

from tests.support.caller import Caller, calling
from tests.support.jobs import call_processes
from tests.support.platform import ORDER, Json, Platform
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

LONG = (
    "The answer has many words, so that somebody has the time to kill the one who says them before the end."
)
COMEBACK = "Sorry, I was gone for a moment."


async def _call(platform: Platform, call_id: str) -> Json:
    found: Json = await platform.call("GET", f"/api/calls/{call_id}")
    return found


async def _another(caller: Caller, first: str, seconds: float) -> str:
    """The identity of the agent that comes instead of `first`."""

    async def look() -> str | None:
        return next((agent.identity for agent in caller.agents if agent.identity != first), None)

    return await eventually(look, "another agent in the room", seconds=seconds, every=0.005)


async def test_an_agent_that_is_killed_amid_a_sentence_is_replaced_and_goes_on(platform: Platform) -> None:
    llm = {"provider": "scripted", "options": {"rules": [{"when": ORDER, "say": LONG}]}}
    agent = await platform.deployed("reborn", llm=llm)
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")
        first = (await caller.agent()).identity
        await caller.speaks(ORDER)

        async def speaking() -> bool:
            call = await _call(platform, token["callId"])
            return any("many words" in said["text"] for said in call["speaking"])

        await eventually(speaking, "the agent amid its answer", seconds=20)
        (process,) = call_processes(platform.stack)
        began = time.monotonic()
        process.kill()
        await _another(caller, first, seconds=3)
        took = time.monotonic() - began
        assert took < 3
        await caller.hears(COMEBACK)
        await caller.hears("before the end.", seconds=20)
        call = await _call(platform, token["callId"])
        assert call["status"] == "active"
        assert call["recoveries"] == 1
        said = [(turn["role"], turn["text"]) for turn in call["turns"]]
        assert said[:2] == [("agent", "Hello, how can I help?"), ("user", ORDER)]
        cut = call["turns"][2]
        assert cut["interrupted"]
        assert LONG.startswith(cut["text"].strip())
        assert "many words" in cut["text"]
    await platform.stop(agent["id"])
