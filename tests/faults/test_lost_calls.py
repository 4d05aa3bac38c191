"""Faults 1, 2, 7 for callers: whatever dies, another agent comes within the bound and knows what was said."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from tests.support.caller import Caller, calling
from tests.support.hosts import another_host
from tests.support.jobs import call_processes
from tests.support.outages import GREETING
from tests.support.platform import ANSWER, ORDER, Json, Platform
from tests.support.recoveries import COMEBACK, another_agent, call_of, settled
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

JOB_SECONDS = 3.0
"""A killed job's caller has another agent by then."""

HOST_SECONDS = 10.0
"""A killed host's callers have."""

CALLS = 10
KILLS = 12


async def _goes_on(platform: Platform, caller: Caller, token: Json) -> None:
    """The new agent takes up the conversation, and answers."""
    await caller.hears(COMEBACK)
    await caller.speaks(ORDER)
    await caller.hears(ANSWER, seconds=25)
    call = await settled(platform, token["callId"])
    said = [turn["text"] for turn in call["turns"]]
    assert said[0] == GREETING
    assert sum(GREETING in text for text in said) == 1, "nobody was greeted twice"


async def test_a_killed_host_leaves_its_callers_to_another_one(platform: Platform) -> None:
    await platform.stack.stop("runtime")
    async with another_host(platform, "dies") as host:
        agent = await platform.create("taken-over")
        await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {"replicas": 2}, expect=202)
        await platform.reaches(agent["id"], "running", seconds=60)
        token = await platform.token(agent["slug"])
        async with calling(token["url"], token["token"]) as caller:
            await caller.hears(GREETING)
            first = (await caller.agent()).identity
            await platform.stack.start("runtime")
            began = time.monotonic()
            host.kill()
            await another_agent(caller, first, seconds=HOST_SECONDS)
            assert time.monotonic() - began < HOST_SECONDS
            await _goes_on(platform, caller, token)
    await platform.reaches(agent["id"], "running", seconds=60)
    await platform.stop(agent["id"])


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
    await platform.reaches(agent["id"], "running", seconds=60)
    await platform.stop(agent["id"])


@dataclass
class Loneliness:
    """How long a caller was in the room without any agent, each time."""

    caller: Caller
    spells: list[float] = field(default_factory=list)

    async def watch(self) -> None:
        """For ever; a new spell begins whenever the last agent goes."""
        alone_since: float | None = None
        while True:
            now = time.monotonic()
            if self.caller.agents:
                if alone_since is not None:
                    self.spells.append(now - alone_since)
                alone_since = None
            elif alone_since is None:
                alone_since = now
            await asyncio.sleep(0.02)


async def test_random_kills_among_ten_calls_leave_nobody_alone_and_lose_no_word(platform: Platform) -> None:
    agent = await platform.deployed("ten-calls")
    draw = random.Random(5)
    async with AsyncExitStack() as stack:
        calls: list[tuple[Json, Caller, Loneliness]] = []
        for _ in range(CALLS):
            token = await platform.token(agent["slug"])
            caller = await stack.enter_async_context(calling(token["url"], token["token"]))
            await caller.hears(GREETING)
            alone = Loneliness(caller)
            caller.keep(alone.watch())
            calls.append((token, caller, alone))
        for _ in range(KILLS):
            victims = call_processes(platform.stack)
            draw.choice(victims).kill()

            async def nobody_is_alone() -> bool:
                return len(call_processes(platform.stack)) >= CALLS and all(c.agents for _, c, _ in calls)

            await eventually(nobody_is_alone, "an agent for each caller", seconds=10)
        lost = 0
        for token, caller, alone in calls:
            call = await settled(platform, token["callId"])
            lost += call["recoveries"]
            assert max(alone.spells, default=0) <= JOB_SECONDS
            heard = [each.text for each in caller.heard]
            said = " ".join(turn["text"] for turn in call["turns"])
            assert all(text.strip() in said for text in heard), (heard, said)
            assert [turn["text"] for turn in call["turns"]].count(GREETING) == 1
        assert lost == KILLS
    for token, _, _ in calls:
        over = await eventually(lambda call=token: _over(platform, call), "the end of the call", seconds=60)
        assert over["status"] == "ended"
    await platform.stop(agent["id"])


async def _over(platform: Platform, token: Json) -> Json | None:
    call = await call_of(platform, token["callId"])
    return call if call["status"] not in {"active", "recovering"} else None
