"""Fault 5 for callers: LiveKit is away while they talk."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

import psutil
import pytest

from tests.faults.conftest import Behind
from tests.support.caller import Caller, calling
from tests.support.jobs import call_processes
from tests.support.outages import GREETING, LONG, is_greeted
from tests.support.platform import ANSWER, ORDER, Json, Platform
from tests.support.recoveries import settled
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

AWAY_SECONDS = 60.0 if LONG else 8.0
AGAIN_SECONDS = 20.0
"""Until a caller has an agent again that hears them, once LiveKit is back; and until new callers have."""

NOBODY = "No agent was registered when one was sent for."

WITHIN = {"agent stays": {"drainSeconds": 120}, "agent is replaced": {}}
"""The tests' hosts give calls up five seconds after they gave the agent up, unless it says otherwise."""


async def _asks(caller: Caller) -> None:
    """Ask, and be answered: the question may be lost while LiveKit is."""
    caller.heard.clear()
    async with asyncio.timeout(2 * AGAIN_SECONDS):
        while True:
            await caller.speaks(ORDER)
            try:
                await caller.hears(ANSWER, seconds=6)
            except AssertionError:
                continue
            return


async def _goes_on(platform: Platform, caller: Caller, token: Json) -> Json:
    """One agent is with the caller and goes on with the conversation; the call as it is then."""
    await _asks(caller)

    async def alone() -> bool:
        return len(caller.agents) == 1

    await eventually(alone, "one agent and no more", seconds=AGAIN_SECONDS)
    caller.heard.clear()
    for number in (1, 2, 3):
        await caller.speaks(ORDER)

        async def answered(wanted: int = number) -> bool:
            return sum(ANSWER in each.text for each in caller.heard) >= wanted

        await eventually(answered, f"answer {number}")
    # Whoever else answered the first two questions was heard by now.
    assert sum(ANSWER in each.text for each in caller.heard) == 3, "nobody else answers too"
    assert len({each.identity for each in caller.heard if ANSWER in each.text}) == 1
    call = await settled(platform, token["callId"])
    said = [turn["text"] for turn in call["turns"]]
    assert said[:3] == [GREETING, ORDER, ANSWER], "what was said before is kept"
    assert sum(GREETING in text for text in said) == 1
    return call


@pytest.mark.parametrize("what", WITHIN)
async def test_a_call_goes_on_whose_agent_lost_livekit_for_some_seconds(
    platform: Platform, behind_a_proxy: Behind, what: str
) -> None:
    agent, proxy = await behind_a_proxy("talks-on", **WITHIN[what])
    token = await platform.token(agent["slug"])
    # The caller reaches LiveKit, and only the agent and its host do not.
    async with calling(platform.stack.livekit_url, token["token"]) as caller:
        await caller.hears(GREETING)
        await caller.asks(ORDER, ANSWER)
        await proxy.cut()
        await asyncio.sleep(AWAY_SECONDS)
        await proxy.mend()
        call = await _goes_on(platform, caller, token)
        lost = [each["data"]["reason"] for each in call["events"] if each["event"] == "lost"]
        came = [reason for reason in lost if reason != NOBODY]  # in a minute nobody may have come as well
        assert len(caller.met) == 1 + len(came), "each agent that came is told of"
    await platform.reaches(agent["id"], "running", seconds=AGAIN_SECONDS)
    await is_greeted(platform, agent["slug"])
    await platform.stop(agent["id"])


@pytest.mark.parametrize("later", [0, 1, 3])
async def test_a_call_goes_on_when_livekit_is_killed_and_started_again(
    platform: Platform, later: float
) -> None:
    """Its room is gone, and all come back to a new one. If the caller is the first, their token sends for an
    agent again; the old one comes as well, so many seconds `later`."""
    agent = await platform.deployed("started-again")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        back = asyncio.Event()
        caller.room.on("reconnected", back.set)
        await caller.hears(GREETING)
        await caller.asks(ORDER, ANSWER)
        (process,) = call_processes(platform.stack)
        if later:
            process.suspend()
        platform.stack.kill("livekit", signal.SIGKILL)
        await asyncio.wait_for(back.wait(), AGAIN_SECONDS)
        if later:
            await asyncio.sleep(later)
            # LiveKit may have been away for so long that the host took the process for hung.
            with suppress(psutil.NoSuchProcess):
                process.resume()
        await _goes_on(platform, caller, token)
    await platform.reaches(agent["id"], "running", seconds=AGAIN_SECONDS)
    await is_greeted(platform, agent["slug"])
    await platform.stop(agent["id"])
