"""Calls that outlive the time that their version has to drain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from tests.support.caller import Caller, calling
from tests.support.platform import ANSWER, ORDER, Platform, offline_config
from tests.support.recoveries import COMEBACK, another_agent, call_of, settled
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

GREETING = "Hello, how can I help?"
BRIEF = {"drainSeconds": 6}


async def test_its_caller_is_handed_on_to_the_next_version(platform: Platform) -> None:
    agent = await platform.deployed("outlived", **BRIEF)
    path = f"/api/agents/{agent['id']}"
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears(GREETING)
        first = (await caller.agent()).identity
        await platform.call("PATCH", path, {"config": offline_config(greeting="Never said.", **BRIEF)})
        await platform.call("POST", f"{path}/deploy", {}, expect=202)
        await another_agent(caller, first, seconds=20)
        await caller.hears(COMEBACK)
        await caller.asks(ORDER, ANSWER, seconds=20)
        call = await settled(platform, token["callId"])
        assert (call["status"], call["recoveries"]) == ("active", 1)
        spoke = [event["data"]["version"] for event in call["events"] if event["event"] == "joined"]
        assert spoke == [1, 2]
        (lost,) = [event["data"] for event in call["events"] if event["event"] == "lost"]
        assert lost["reason"] == "The agent's time to stay was over."
    await platform.stop(agent["id"])


async def test_that_of_an_agent_that_is_stopped_is_over_and_no_alarm(platform: Platform) -> None:
    agent = await platform.deployed("outlived-and-stopped", **BRIEF)
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears(GREETING)
        await platform.call("POST", f"/api/agents/{agent['id']}/stop", {"drain": False}, expect=202)
        await _sent_out(caller)
    call = await call_of(platform, token["callId"])
    assert (call["status"], call["endReason"]) == ("ended", "The agent is not deployed any more.")
    assert not [event for event in call["events"] if event["event"] == "no_agent"]
    await platform.reaches(agent["id"], "stopped")


async def test_that_of_one_that_is_stopped_at_once_is_no_alarm_either_while_its_words_can_not_be_written(
    platform: Platform,
) -> None:
    """The agent leaves the room, and its host says why only when its process is gone."""
    agent = await platform.deployed("stopped-unwritten")
    token = await platform.token(agent["slug"])
    async with _no_turns(platform), calling(token["url"], token["token"]) as caller:
        await caller.hears(GREETING)
        await platform.call("POST", f"/api/agents/{agent['id']}/stop", {"drain": False}, expect=202)
        await _sent_out(caller)
    call = await call_of(platform, token["callId"])
    assert (call["status"], call["endReason"]) == ("ended", "The agent is not deployed any more.")
    assert not [event for event in call["events"] if event["event"] == "no_agent"]
    await platform.reaches(agent["id"], "stopped")


@asynccontextmanager
async def _no_turns(platform: Platform) -> AsyncIterator[None]:
    """Postgres takes nothing that is said."""
    connection = await asyncpg.connect(platform.stack.database_url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE turns")
            yield
    finally:
        await connection.close()


async def _sent_out(caller: Caller) -> None:
    async def look() -> bool:
        return not caller.room.isconnected()

    await eventually(look, "the room closed")
