"""Faults 5 and 6: LiveKit is away, or takes all and says nothing."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import psutil
import pytest

from agents.registration import PING_SECONDS
from tests.faults.conftest import Behind
from tests.support.outages import LONG, Watched, is_greeted, reaches_attempt, watching
from tests.support.platform import Json, Platform

pytestmark = [pytest.mark.integration, pytest.mark.alone]

AWAY_SECONDS = (60, 200) if LONG else (15,)
"""Fifteen are enough for a registration to give up, and for Temporal to try again."""

TOLD_SECONDS = 3.0
"""Between what happens and what the API says of it."""

NOTICED_SECONDS = 1.5 * PING_SECONDS
AGAIN_SECONDS = 20.0
"""Until a server that is back has its agents back: the longest pause between tries, and a connection."""

SPIN = 0.25
"""A host that waits needs much less of a core."""


@dataclass
class Outage:
    """One agent's story: `began` and `ended` by `time.monotonic`."""

    watched: Watched
    began: float
    ended: float
    again: float
    """When it was running again."""
    cpu_seconds: float
    """Of the whole host, which carries the other agents as well."""
    after: Json


@dataclass
class Outages:
    """All of them, at the same time on the same host."""

    cut: list[Outage]
    swallowed: Outage
    neighbour: Watched


@pytest.fixture(scope="module")
async def outages(platform: Platform, behind_a_proxy: Behind) -> Outages:
    """Some agents lose LiveKit in one way, one in the other, and one does not."""
    host = psutil.Process(platform.stack.process("runtime").pid)

    def cpu() -> float:
        return host.cpu_times().user + host.cpu_times().system

    gone = asyncio.Event()

    async def cut(seconds: float) -> Outage:
        agent, proxy = await behind_a_proxy(f"cut-{seconds}")
        async with watching(platform, agent["id"]) as watched:
            began, used = time.monotonic(), cpu()
            await proxy.cut()
            gone.set()
            await asyncio.sleep(seconds)
            await proxy.mend()
            ended, used = time.monotonic(), cpu() - used
            await reaches_attempt(platform, agent["id"], 2, AGAIN_SECONDS)
            again = time.monotonic()
        await is_greeted(platform, agent["slug"])
        return Outage(watched, began, ended, again, used, await _and_stop(platform, agent))

    async def swallow() -> Outage:
        agent, proxy = await behind_a_proxy("swallowed")
        async with watching(platform, agent["id"]) as watched:
            began, used = time.monotonic(), cpu()
            await proxy.swallow()
            await platform.reaches(agent["id"], "degraded", seconds=NOTICED_SECONDS + TOLD_SECONDS)
            await proxy.mend()
            ended, used = time.monotonic(), cpu() - used
            await platform.reaches(agent["id"], "running", seconds=AGAIN_SECONDS)
            again = time.monotonic()
        await is_greeted(platform, agent["slug"])
        return Outage(watched, began, ended, again, used, await _and_stop(platform, agent))

    neighbour = await platform.deployed("neighbour")
    async with watching(platform, neighbour["id"]) as seen, asyncio.TaskGroup() as group:
        cuts = [group.create_task(cut(seconds)) for seconds in AWAY_SECONDS]
        swallowed = group.create_task(swallow())
        await asyncio.wait_for(gone.wait(), AGAIN_SECONDS)
        await is_greeted(platform, neighbour["slug"])
    await platform.stop(neighbour["id"])
    return Outages([each.result() for each in cuts], swallowed.result(), seen)


async def _and_stop(platform: Platform, agent: Json) -> Json:
    after = await platform.agent(agent["id"])
    await platform.stop(agent["id"])
    return after


async def test_an_agent_without_livekit_is_degraded_and_never_called_running(outages: Outages) -> None:
    for outage in outages.cut:
        assert outage.watched.first("degraded", outage.began) - outage.began < TOLD_SECONDS
        assert outage.watched.between(outage.began + TOLD_SECONDS, outage.ended) == {"degraded"}


async def test_it_is_tried_again_until_livekit_is_back(outages: Outages) -> None:
    for outage in outages.cut:
        assert outage.again - outage.ended < AGAIN_SECONDS
        deployment = outage.after["deployment"]
        assert deployment["attempt"] >= 2, "it was given up and tried again by Temporal"
        story = [(told["status"], told["reason"] or "") for told in deployment["transitions"]]
        assert [status for status, _ in story][:2] == ["validating", "starting"]
        assert [status for status, _ in story][-1] == "running"
        assert any(status == "degraded" and "LiveKit at ws://" in reason for status, reason in story)
        assert len(story) < 10, f"an outage must not fill the history: {story}"


async def test_a_livekit_that_says_nothing_is_noticed(outages: Outages) -> None:
    swallowed = outages.swallowed
    took = swallowed.watched.first("degraded", swallowed.began) - swallowed.began
    assert took < NOTICED_SECONDS + TOLD_SECONDS
    assert swallowed.again - swallowed.ended < AGAIN_SECONDS


async def test_the_host_does_not_spin_meanwhile(outages: Outages) -> None:
    for outage in [*outages.cut, outages.swallowed]:
        assert outage.cpu_seconds < SPIN * (outage.ended - outage.began)


async def test_its_neighbours_on_the_host_notice_nothing(outages: Outages) -> None:
    assert outages.neighbour.between(0, time.monotonic()) == {"running"}
