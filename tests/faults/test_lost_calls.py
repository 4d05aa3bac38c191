"""Faults 1, 2, 7 for callers: whatever dies, another agent comes within the bound and knows what was said."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack

import pytest

from tests.support.asking import Asker, asking
from tests.support.caller import Caller, calling
from tests.support.hosts import another_host
from tests.support.jobs import call_processes
from tests.support.outages import GREETING
from tests.support.platform import ANSWER, ORDER, Json, Platform
from tests.support.recoveries import COMEBACK, another_agent, call_of, settled
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

JOB_SECONDS = 3.0
"""A killed job's caller has another agent by then."""

HOST_SECONDS = 10.0
"""A killed host's callers have."""

CALLERS, OTHERS = 4, 12
"""Callers of one agent, and agents that the same host carries beside it."""

COUNTS = {
    "provider": "scripted",
    "options": {"otherwise": "You said {text}, and it is your question {count}."},
}


async def _goes_on(platform: Platform, caller: Caller, token: Json) -> None:
    """The new agent takes up the conversation, and answers."""
    await caller.hears(COMEBACK)
    await caller.asks(ORDER, ANSWER, seconds=25)
    call = await settled(platform, token["callId"])
    said = [turn["text"] for turn in call["turns"]]
    assert said[0] == GREETING
    assert sum(GREETING in text for text in said) == 1, "nobody was greeted twice"


@pytest.mark.parametrize("with_its_calls", [False, True])
async def test_a_killed_host_leaves_its_callers_to_another_one(
    platform: Platform, with_its_calls: bool
) -> None:
    """With their processes it is as if the machine was gone: nobody tells LiveKit that they are lost."""
    await platform.stack.stop("runtime")
    async with another_host(platform, "dies") as host:
        agent = await platform.create("taken-over")
        await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {"replicas": 2}, expect=202)
        await platform.reaches(agent["id"], "running", seconds=60)
        token = await platform.token(agent["slug"])
        async with calling(token["url"], token["token"]) as caller:
            await caller.hears(GREETING)
            await caller.asks(ORDER, ANSWER)
            first = (await caller.agent()).identity
            caller.heard.clear()
            await platform.stack.start("runtime")
            began = time.monotonic()
            if with_its_calls:
                os.killpg(host.pid, signal.SIGKILL)
            else:
                host.kill()
            await another_agent(caller, first, seconds=HOST_SECONDS)
            assert time.monotonic() - began < HOST_SECONDS
            await _goes_on(platform, caller, token)
            said = [turn["text"] for turn in (await settled(platform, token["callId"]))["turns"]]
            assert said.index(ANSWER) < said.index(COMEBACK), "what was said before is in the transcript"
    await platform.reaches(agent["id"], "running", seconds=60)
    await platform.stop(agent["id"])


async def test_a_host_with_many_agents_leaves_its_callers_to_an_empty_one(platform: Platform) -> None:
    """Each agent has one replica, as by default: nobody else is registered when its host is lost."""
    await platform.stack.stop("runtime")
    async with another_host(platform, "carries-all") as host, AsyncExitStack() as ends:
        agent = await platform.deployed("called", llm=COUNTS)
        others = await asyncio.gather(*(platform.deployed(f"beside-{number}") for number in range(OTHERS)))
        begun = (ends.enter_async_context(asking(platform, agent["slug"], each)) for each in range(CALLERS))
        callers = await asyncio.gather(*begun)
        await asyncio.gather(*(_is_answered(platform, one, 1) for one in callers))
        await platform.stack.start("runtime")
        await eventually(lambda: _are_up(platform, 2), "the empty host up", seconds=30)
        first = [one.caller.met[-1] for one in callers]
        began = time.monotonic()
        os.killpg(host.pid, signal.SIGKILL)
        pairs = zip(callers, first, strict=True)
        await asyncio.gather(*(another_agent(one.caller, old, HOST_SECONDS) for one, old in pairs))
        assert time.monotonic() - began < HOST_SECONDS
        for one in callers:
            await one.caller.hears(COMEBACK)
        await asyncio.gather(*(_is_answered(platform, one, 2) for one in callers))
        for one in callers:
            said = [turn["text"] for turn in (await settled(platform, one.token["callId"]))["turns"]]
            assert said == [GREETING, *_talk(one, 1), COMEBACK, *_talk(one, 2)]
        for each in [agent, *others]:
            await platform.reaches(each["id"], "running", seconds=60)
    for each in [agent, *others]:
        await platform.stop(each["id"])


def _talk(one: Asker, number: int) -> tuple[str, str]:
    """What is asked and answered: an agent counts what it knows to have been asked."""
    question = f"caller {one.number} asks for the item {number}"
    return question, f"You said {question}, and it is your question {number}."


async def _is_answered(platform: Platform, one: Asker, number: int) -> None:
    question, answer = _talk(one, number)
    await one.caller.types(question)
    await one.caller.hears(answer)

    async def written() -> bool:
        turns = (await call_of(platform, one.token["callId"]))["turns"]
        return any(turn["text"] == answer and not turn["interrupted"] for turn in turns)

    await eventually(written, "the answer in the record")


async def _are_up(platform: Platform, count: int) -> bool:
    hosts: list[Json] = (await platform.call("GET", "/api/hosts"))["items"]
    return len([each for each in hosts if each["status"] == "up" and each["inEffect"]]) == count


async def test_a_host_that_is_started_again_goes_on_with_its_calls(platform: Platform) -> None:
    agent = await platform.deployed("restarted")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears(GREETING)
        first = (await caller.agent()).identity
        platform.stack.kill("runtime", signal.SIGKILL)
        await another_agent(caller, first, seconds=HOST_SECONDS)
        await _goes_on(platform, caller, token)
    await platform.reaches(agent["id"], "running", seconds=60)
    await platform.stop(agent["id"])


async def test_what_is_said_while_the_next_agent_says_that_it_is_back_is_heard(platform: Platform) -> None:
    agent = await platform.deployed("said-over")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears(GREETING)
        (process,) = call_processes(platform.stack)
        process.kill()

        async def it_speaks() -> bool:
            return any(words.text.startswith(COMEBACK[:5]) for words in caller.hearing.values())

        await eventually(it_speaks, "the next agent's first words", every=0.005)
        await caller.speaks(ORDER)
        await caller.hears(ANSWER)
    await platform.stop(agent["id"])


async def test_a_job_that_dies_while_temporal_is_away_is_replaced_all_the_same(platform: Platform) -> None:
    agent = await platform.deployed("no-temporal")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears(GREETING)
        first = (await caller.agent()).identity
        (process,) = call_processes(platform.stack)
        await platform.stack.stop("temporal")
        try:
            process.kill()
            await another_agent(caller, first, seconds=2 * JOB_SECONDS)
            await _goes_on(platform, caller, token)
        finally:
            await platform.stack.start("temporal")

    async def taken() -> bool:
        wish = await platform.http.post(f"/api/agents/{agent['id']}/stop", json={"drain": False})
        return wish.status_code == 202

    await eventually(taken, "wishes taken again", seconds=30)
    await platform.reaches(agent["id"], "stopped")
