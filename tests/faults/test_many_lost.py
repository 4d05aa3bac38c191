"""Ten callers who go on asking, while processes and a whole host are killed at random: nobody is alone for
long, and of what was asked and said every word is kept, once and in order."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field

import psutil
import pytest
from sqlalchemy import make_url

from tests.support.asking import REPEATS, Asker, asking
from tests.support.hosts import another_host, on_both, order, own_host
from tests.support.jobs import all_jobs, jobs_of
from tests.support.platform import Json, Platform
from tests.support.recoveries import call_of
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

CALLS = 10
AT_A_TIME = (1, 1, 2, 1, 2)
"""Processes that are killed together, before the host is and again after it."""

BETWEEN_KILLS = 2
"""Answers that are heard to the end before it is somebody's turn."""

JOB_SECONDS = 3.0
"""Whose agent's process was killed has another agent by then."""

HOST_SECONDS = 10.0
"""Whose host was killed has, where there is another host."""


@dataclass
class Calls:
    """Calls of one agent that two hosts carry: the stack's own, and another one."""

    platform: Platform
    askers: list[Asker]
    killed: set[int] = field(default_factory=set)

    @property
    def _livekit(self) -> set[int]:
        """The port by which processes in calls are known."""
        port = make_url(self.platform.stack.livekit_url).port
        assert port is not None
        return {port}

    async def held(self) -> list[psutil.Process]:
        """The processes that hold them, once each caller has an agent, and nobody is lost."""

        async def look() -> list[psutil.Process] | None:
            there = [each for each in all_jobs(self._livekit) if each.pid not in self.killed]
            has_one = all(len(one.caller.agents) == 1 for one in self.askers)
            return sorted(there, key=lambda each: each.pid) if has_one and len(there) == CALLS else None

        return await eventually(look, self._standing, seconds=20)

    def _standing(self) -> str:
        there = [[who.identity for who in one.caller.agents] for one in self.askers]
        return f"one agent for each caller, and a process for each of those: {there}"

    async def kill(
        self, victims: Sequence[psutil.Process], bound: float, host: Sequence[psutil.Process] = ()
    ) -> None:
        """Kill processes of some calls, and others with them: so many callers have another agent in time."""
        before = {one.number: len(one.arrivals) for one in self.askers}
        began = time.monotonic()
        for each in [*host, *victims]:
            with suppress(psutil.NoSuchProcess):  # it went with its host
                each.kill()
        self.killed |= {each.pid for each in victims}

        async def replaced() -> list[Asker] | None:
            found = [one for one in self.askers if len(one.arrivals) > before[one.number]]
            return found if len(found) >= len(victims) else None

        found = await eventually(replaced, f"another agent for {len(victims)} callers", seconds=2 * bound)
        waited = sorted(one.arrivals[before[one.number]] - began for one in found)
        assert waited[-1] <= bound, f"seconds until another agent came: {waited}"

    async def go_on(self) -> None:
        """Each caller is answered once more."""
        before = [len(one.answered) for one in self.askers]

        async def all_are() -> bool:
            now = [len(one.answered) for one in self.askers]
            return all(count > earlier for count, earlier in zip(now, before, strict=True))

        await eventually(all_are, "another answer for each caller", seconds=40)

    async def talk(self) -> None:
        """Some more answers, whoever gets them."""
        before = self.answers

        async def some() -> bool:
            return self.answers >= before + BETWEEN_KILLS

        await eventually(some, f"{BETWEEN_KILLS} more answers", seconds=30)

    @property
    def answers(self) -> int:
        """Those that callers have heard to the end."""
        return sum(len(one.answered) for one in self.askers)

    async def kill_host(self, pid: int) -> None:
        """As if its machine was gone: all its processes at once, so that nobody tells of its calls."""
        host = psutil.Process(pid)
        victims = [each for each in jobs_of([pid], self._livekit) if each.pid not in self.killed]
        assert 0 < len(victims) < CALLS, "calls on both hosts"
        rest = [each for each in host.children(recursive=True) if each not in victims]
        await self.kill(victims, HOST_SECONDS, [host, *rest])


async def _killed_at_random(calls: Calls, draw: random.Random) -> None:
    for number in AT_A_TIME:
        await calls.talk()
        await calls.kill(draw.sample(await calls.held(), number), JOB_SECONDS)


async def test_random_kills_among_ten_calls_leave_nobody_alone_and_lose_no_word(platform: Platform) -> None:
    draw = random.Random(5)
    own, second = await own_host(platform), f"second-{uuid.uuid4().hex[:6]}"
    async with (
        another_host(platform, second) as host,
        on_both(platform, (own, second), llm=REPEATS) as agent,
        AsyncExitStack() as ends,
    ):
        await order(platform, own, "uncordon")
        begun = (ends.enter_async_context(asking(platform, agent["slug"], each)) for each in range(CALLS))
        calls = Calls(platform, list(await asyncio.gather(*begun)))
        await calls.held()
        async with asyncio.TaskGroup() as talking:
            for one in calls.askers:
                talking.create_task(one.talk())
            await _killed_at_random(calls, draw)
            await calls.held()
            await calls.kill_host(host.pid)
            await _killed_at_random(calls, draw)
            await calls.held()
            await calls.go_on()
            for one in calls.askers:
                one.enough.set()
        await ends.aclose()
        await asyncio.gather(*(_is_whole(platform, one) for one in calls.askers))
    assert max(seconds for one in calls.askers for seconds in [0.0, *one.alone]) <= HOST_SECONDS


async def _is_whole(platform: Platform, one: Asker) -> None:
    """The call is over, and its transcript is what its caller knows."""

    async def over() -> Json | None:
        call = await call_of(platform, one.token["callId"])
        return call if call["status"] not in {"active", "recovering"} else None

    call = await eventually(over, "the end of the call", seconds=30)
    assert call["status"] == "ended"
    wrong: list[str] = []

    async def whole() -> bool:
        wrong[:] = one.missing(await call_of(platform, one.token["callId"]))
        return not wrong

    await eventually(whole, lambda: f"the transcript of caller {one.number} whole: {wrong}")
