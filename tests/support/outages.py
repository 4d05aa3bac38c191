"""What people see of an agent while a server is away, and how long it may be away."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.support.caller import calling
from tests.support.platform import Platform
from tests.support.waiting import eventually

LONG = os.environ.get("BIONIC_CHAOS") == "long"
"""Whether outages last as long as they may in life, not just long enough for what must happen."""

GREETING = "Hello, how can I help?"
LOOK_SECONDS = 0.2

WITHOUT_AGENT_AT_ONCE = 3
"""Callers who come all the time and have no agent yet."""


@dataclass
class Watched:
    """The statuses that the API gave of an agent, each with its time by `time.monotonic`."""

    seen: list[tuple[float, str]] = field(default_factory=list)

    def between(self, begin: float, end: float) -> set[str]:
        """What was seen in that time."""
        return {status for at, status in self.seen if begin <= at <= end}

    def first(self, status: str, after: float) -> float:
        """When it was seen first; fails when it never was."""
        at = next((at for at, seen in self.seen if at >= after and seen == status), None)
        assert at is not None, f"{status} was never seen: {self.story(after)}"
        return at

    def story(self, zero: float) -> list[tuple[float, str]]:
        """The changes alone, in seconds after `zero`."""
        pairs = zip([(0.0, ""), *self.seen], self.seen, strict=False)
        return [(round(at - zero, 1), now) for (_, before), (at, now) in pairs if now != before]


@asynccontextmanager
async def watching(platform: Platform, agent_id: str) -> AsyncIterator[Watched]:
    """Ask for the agent's status again and again during the block."""
    watched = Watched()

    async def watch() -> None:
        while True:
            status = (await platform.agent(agent_id))["status"]
            watched.seen.append((time.monotonic(), status))
            await asyncio.sleep(LOOK_SECONDS)

    task = asyncio.create_task(watch())
    try:
        yield watched
    finally:
        task.cancel()
        outcome = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(outcome[0], asyncio.CancelledError), f"the agent could not be watched: {outcome[0]!r}"


async def is_greeted(platform: Platform, agent: str, seconds: float = 10.0) -> None:
    """A caller who gets a token now gets the agent, which speaks."""
    token = await platform.token(agent)
    async with calling(token["url"], token["token"]) as caller:
        await caller.agent(seconds)
        await caller.hears(GREETING)
        assert len(caller.agents) == 1


async def finds_an_agent(platform: Platform, agent: str, seconds: float = 10.0) -> None:
    """A caller who gets a token now has an agent within the time; it need not speak."""
    token = await platform.token(agent)
    async with calling(token["url"], token["token"], quiet=True) as caller:
        await caller.agent(seconds)


@asynccontextmanager
async def callers_all_the_time(platform: Platform, agent: str, every: float) -> AsyncIterator[list[str]]:
    """Somebody joins every few moments during the block, and none of them is left alone.

    A few at most are without an agent at a time: who comes then is the next one. A machine that is too slow
    for all would have ever more of them wait, and what is asked here is not how many it bears.

    The list it gives grows by one for everyone who got an agent.
    """
    answered: list[str] = []
    calls: set[asyncio.Task[None]] = set()
    turn = asyncio.Semaphore(WITHOUT_AGENT_AT_ONCE)

    async def one(number: int) -> None:
        try:
            await finds_an_agent(platform, agent)
        finally:
            turn.release()
        answered.append(f"caller {number}")

    async def join() -> None:
        while True:
            await turn.acquire()
            calls.add(asyncio.create_task(one(len(calls) + 1)))
            await asyncio.sleep(every)

    joining = asyncio.create_task(join())
    try:
        yield answered
    finally:
        joining.cancel()
        ends = await asyncio.gather(*calls, return_exceptions=True)
    assert len(answered) == len(calls), f"left alone: {[end for end in ends if end]}"


async def reaches_attempt(platform: Platform, agent_id: str, attempt: int, seconds: float) -> None:
    """The agent runs again, by that attempt or a later one."""

    async def again() -> bool:
        now = await platform.agent(agent_id)
        ready = now["replicas"]["ready"] == now["replicas"]["desired"]
        return bool(now["status"] == "running" and ready and now["deployment"]["attempt"] >= attempt)

    await eventually(again, f"running again by attempt {attempt}", seconds=seconds)
