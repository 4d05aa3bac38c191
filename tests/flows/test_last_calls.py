"""Calls that go on after their agent was stopped: they are as durable as any, for as long as they may."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.caller import Caller, calling
from tests.support.hosts import another_host, carriers, order, own_host
from tests.support.jobs import call_processes
from tests.support.platform import ANSWER, ORDER, Json, Platform
from tests.support.recoveries import COMEBACK, another_agent, call_of, settled
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

GREETING = "Hello, how can I help?"
AGAIN_SECONDS = 10.0
HOST_SECONDS = 20.0
"""A host is missed after six, then its agent registers elsewhere, and is told that it is to leave."""


@asynccontextmanager
async def _last_call(platform: Platform, agent: Json) -> AsyncIterator[tuple[Caller, Json]]:
    """A call that goes on while its agent drains, and its token."""
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears(GREETING)
        await platform.call("POST", f"/api/agents/{agent['id']}/stop", {}, expect=202)
        await platform.reaches(agent["id"], "draining")
        yield caller, token


async def _is_taken_up(caller: Caller, lost: str, seconds: float) -> None:
    """Another agent than the one that was lost goes on with the conversation."""
    await another_agent(caller, lost, seconds=seconds)
    await caller.hears(COMEBACK)
    await caller.asks(ORDER, ANSWER)


async def test_one_that_loses_its_agent_gets_another_one_and_then_all_is_over(platform: Platform) -> None:
    agent = await platform.deployed("last-calls", drainSeconds=120)
    async with _last_call(platform, agent) as (caller, token):
        await caller.asks(ORDER, ANSWER)
        assert (await platform.asks_for_token(agent["slug"])).status_code == 412, "nobody new"
        for _ in range(2):
            lost = (await caller.agent()).identity
            (process,) = call_processes(platform.stack)
            caller.heard.clear()
            process.kill()
            await _is_taken_up(caller, lost, AGAIN_SECONDS)
        call = await settled(platform, token["callId"])
        spoke = [event["data"]["version"] for event in call["events"] if event["event"] == "joined"]
        assert (call["recoveries"], spoke) == (2, [1, 1, 1])
        assert sum(turn["text"] == GREETING for turn in call["turns"]) == 1
        assert (await platform.agent(agent["id"]))["status"] == "draining"
    await platform.reaches(agent["id"], "stopped", seconds=30)
    call = await call_of(platform, token["callId"])
    assert call["status"] == "ended"
    assert not [event for event in call["events"] if event["event"] == "no_agent"]


@pytest.mark.parametrize("with_its_calls", [False, True])
async def test_one_that_loses_its_host_is_taken_up_by_another_one(
    platform: Platform, with_its_calls: bool
) -> None:
    own = await own_host(platform)
    await order(platform, own, "cordon")
    async with another_host(platform, "last-host") as host:
        agent = await platform.deployed("last-of-host", drainSeconds=120)
        assert await carriers(platform, agent["id"]) == ["last-host"]
        await order(platform, own, "uncordon")
        async with _last_call(platform, agent) as (caller, token):
            lost = (await caller.agent()).identity
            if with_its_calls:
                os.killpg(host.pid, signal.SIGKILL)
            else:
                host.kill()
            await _is_taken_up(caller, lost, HOST_SECONDS)
            call = await settled(platform, token["callId"])
            spoke = [event["data"] for event in call["events"] if event["event"] == "joined"]
            assert spoke == [{"host": "last-host", "version": 1}, {"host": own, "version": 1}]
            assert sum(turn["text"] == GREETING for turn in call["turns"]) == 1
        await platform.reaches(agent["id"], "stopped", seconds=30)
        assert (await call_of(platform, token["callId"]))["status"] == "ended"


async def test_one_that_loses_its_only_host_is_taken_up_once_that_is_back(
    platform: Platform,
) -> None:
    agent = await platform.deployed("last-of-only-host", drainSeconds=120)
    async with _last_call(platform, agent) as (caller, _):
        lost = (await caller.agent()).identity
        platform.stack.kill("runtime", signal.SIGKILL)
        await _is_taken_up(caller, lost, HOST_SECONDS)
        assert (await platform.agent(agent["id"]))["status"] == "draining"
    await platform.reaches(agent["id"], "stopped", seconds=30)


async def test_a_caller_who_comes_back_after_the_stop_is_told_at_once(platform: Platform) -> None:
    """Nobody has lost their call: it is over, and the version takes none but its last ones."""
    agent = await platform.deployed("last-but-one", drainSeconds=120)
    stays, leaves = [await platform.token(agent["slug"]) for _ in range(2)]
    async with calling(stays["url"], stays["token"], quiet=True) as caller:
        await caller.hears(GREETING)
        async with calling(leaves["url"], leaves["token"], quiet=True) as other:
            await other.hears(GREETING)
        await platform.call("POST", f"/api/agents/{agent['id']}/stop", {}, expect=202)
        await platform.reaches(agent["id"], "draining")

        async def ended() -> bool:
            return bool((await call_of(platform, leaves["callId"]))["status"] == "ended")

        await eventually(ended, "the call over")
        async with calling(leaves["url"], leaves["token"], quiet=True) as other:

            async def failed() -> bool:
                return bool((await call_of(platform, leaves["callId"]))["status"] == "failed")

            await eventually(failed, "that no agent comes")
            assert not other.agents
        told = await call_of(platform, leaves["callId"])
        assert told["endReason"] == "The agent is not deployed any more."
        assert caller.agents, "the other call goes on"
    await platform.reaches(agent["id"], "stopped", seconds=30)


async def test_one_that_loses_its_process_as_it_is_stopped_at_once_is_over(platform: Platform) -> None:
    """Its next agent may not have come yet, and does not come any more."""
    agent = await platform.deployed("last-seconds", drainSeconds=120)
    async with _last_call(platform, agent) as (caller, _):
        (process,) = call_processes(platform.stack)
        process.kill()
        await platform.call("POST", f"/api/agents/{agent['id']}/stop", {"drain": False}, expect=202)

        async def sent_out() -> bool:
            return not caller.room.isconnected()

        await eventually(sent_out, "the room closed", seconds=30)
    await platform.reaches(agent["id"], "stopped", seconds=30)
