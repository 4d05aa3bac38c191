"""Ten callers at once, and agents are killed at random: nobody is alone for long, and no word is lost."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest

from tests.support.caller import Caller, calling
from tests.support.jobs import call_processes
from tests.support.outages import GREETING
from tests.support.platform import ANSWER, ORDER, Json, Platform
from tests.support.recoveries import call_of
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

CALLS = 10
KILLS = 12
ALONE_SECONDS = 3.0
"""A caller whose agent was killed has another one by then."""

NOT_WRITTEN_YET = 1
"""A word goes to the caller and is written down at once: a kill may come in between."""


@dataclass
class Conversation:
    """A caller, and for how long it was without an agent, each time."""

    token: Json
    caller: Caller
    alone: list[float] = field(default_factory=list)

    async def watch(self) -> None:
        """For ever; a new time begins whenever the last agent goes."""
        since: float | None = None
        while True:
            now = time.monotonic()
            if not self.caller.agents:
                since = since or now
            elif since is not None:
                self.alone.append(now - since)
                since = None
            await asyncio.sleep(0.02)


@asynccontextmanager
async def _talking(platform: Platform, slug: str) -> AsyncIterator[Conversation]:
    """Somebody who was greeted, asked, and got an answer."""
    token = await platform.token(slug)
    async with calling(token["url"], token["token"], quiet=True) as caller:
        await caller.hears(GREETING)
        await caller.types(ORDER)
        await caller.hears(ANSWER)
        await eventually(lambda: _is_written(platform, token), "the answer in the record")
        one = Conversation(token, caller)
        caller.keep(one.watch())
        yield one


async def _is_written(platform: Platform, token: Json) -> bool:
    """Whether the agent knows that its answer was heard: before that, the next one would say it again."""
    turns = (await call_of(platform, token["callId"]))["turns"]
    return any(ANSWER in turn["text"] and not turn["interrupted"] for turn in turns)


def _lost_words(heard: str, said: str) -> list[str]:
    """The words of `heard` that are not in the transcript, the very last ones of it left out."""
    words = heard.split()
    kept = next(n for n in range(len(words), -1, -1) if " ".join(words[:n]) in said)
    return words[kept : max(kept, len(words) - NOT_WRITTEN_YET)]


async def test_random_kills_among_ten_calls_leave_nobody_alone_and_lose_no_word(platform: Platform) -> None:
    agent = await platform.deployed("ten-calls")
    draw = random.Random(5)
    async with AsyncExitStack() as stack:
        calls = [await stack.enter_async_context(_talking(platform, agent["slug"])) for _ in range(CALLS)]

        killed: set[int] = set()

        async def all_have_agents() -> bool:
            there = {process.pid for process in call_processes(platform.stack)}
            return len(there - killed) == CALLS and all(one.caller.agents for one in calls)

        await eventually(all_have_agents, "an agent for each caller")
        for _ in range(KILLS):
            victim = draw.choice(call_processes(platform.stack))
            victim.kill()
            killed.add(victim.pid)
            await eventually(all_have_agents, "an agent for each caller again", seconds=10)
        await eventually(lambda: _recoveries(platform, calls), "every loss made good")
        for one in calls:
            assert max(one.alone, default=0.0) <= ALONE_SECONDS
            await _is_whole(platform, one)
    for one in calls:
        over = await eventually(partial(_over, platform, one), "the end of the call", seconds=30)
        assert over["status"] == "ended"
    await platform.stop(agent["id"])


async def _recoveries(platform: Platform, calls: list[Conversation]) -> bool:
    found = [await call_of(platform, one.token["callId"]) for one in calls]
    made_good = all(call["status"] == "active" for call in found)
    return made_good and sum(call["recoveries"] for call in found) == KILLS


async def _is_whole(platform: Platform, one: Conversation) -> None:
    """All that was heard and asked is in the transcript, once."""
    call = await call_of(platform, one.token["callId"])
    turns = [turn["text"] for turn in call["turns"]]
    assert turns[:3] == [GREETING, ORDER, ANSWER]
    said = " ".join([*turns, *(each["text"] for each in call["speaking"])])
    for heard in one.caller.hearing.values():
        assert not _lost_words(heard.text, said), (heard.text, said)
    assert (turns.count(GREETING), turns.count(ORDER), turns.count(ANSWER)) == (1, 1, 1), turns


async def _over(platform: Platform, one: Conversation) -> Json | None:
    call = await call_of(platform, one.token["callId"])
    return call if call["status"] not in {"active", "recovering"} else None
