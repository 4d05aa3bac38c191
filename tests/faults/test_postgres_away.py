"""Fault 8 for calls: Postgres is away while people talk, and while they hang up."""

from __future__ import annotations

import asyncio

import psutil
import pytest

from tests.support.caller import Caller, calling
from tests.support.jobs import call_processes
from tests.support.outages import GREETING, LONG
from tests.support.platform import ANSWER, ORDER, Platform
from tests.support.recoveries import COMEBACK, call_of
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

AWAY_SECONDS = 60.0 if LONG else 12.0
"""After the caller has hung up: longer than a job has that its host ends."""

QUESTIONS = 3

BACK_SECONDS = 20.0
"""For Postgres to start, and for another agent to come."""


async def _asks(caller: Caller, number: int) -> None:
    """A question, and the whole answer to it; `number` answers were heard by then."""
    await caller.types(ORDER)

    async def answered() -> bool:
        return sum(ANSWER in heard.text for heard in caller.heard) == number

    await eventually(answered, f"answer {number}")


async def _gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


async def test_what_is_said_while_postgres_is_away_is_written_when_it_is_back(platform: Platform) -> None:
    agent = await platform.deployed("unwritten")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"], quiet=True) as caller:
        await caller.hears(GREETING)
        await _asks(caller, 1)
        (process,) = call_processes(platform.stack)
        await platform.stack.stop("postgres")
        try:
            for number in range(2, QUESTIONS + 1):
                await _asks(caller, number)
            await caller.room.disconnect()
            await asyncio.sleep(AWAY_SECONDS)
            assert process.is_running(), "it keeps what is not written"
        finally:
            await platform.stack.start("postgres")

    await platform.stack.wait_healthy(60)
    await eventually(lambda: _gone(process), "all written", seconds=30)
    call = await call_of(platform, token["callId"])
    assert call["status"] == "ended"
    said = [(turn["role"], turn["text"]) for turn in call["turns"]]
    assert said == [("agent", GREETING), *[("user", ORDER), ("agent", ANSWER)] * QUESTIONS]
    assert call["recoveries"] == 0
    await platform.stop(agent["id"])


async def test_an_agent_lost_meanwhile_is_replaced_when_postgres_is_back_and_knows_every_word(
    platform: Platform,
) -> None:
    agent = await platform.deployed("lost-unwritten")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"], quiet=True) as caller:
        await caller.hears(GREETING)
        (process,) = call_processes(platform.stack)
        await platform.stack.stop("postgres")
        try:
            for number in range(1, QUESTIONS):
                await _asks(caller, number)
            process.kill()
            await eventually(lambda: _gone(process), "its process gone")
        finally:
            await platform.stack.start("postgres")
        await caller.hears(COMEBACK, seconds=BACK_SECONDS)
        await _asks(caller, QUESTIONS)
    await platform.stack.wait_healthy(60)

    async def over() -> bool:
        return bool((await call_of(platform, token["callId"]))["status"] == "ended")

    await eventually(over, "the end of the call", seconds=30)
    call = await call_of(platform, token["callId"])
    said = [(turn["role"], turn["text"]) for turn in call["turns"]]
    talk = [("user", ORDER), ("agent", ANSWER)]
    assert said == [("agent", GREETING), *talk * (QUESTIONS - 1), ("agent", COMEBACK), *talk]
    assert call["recoveries"] == 1
    await platform.stop(agent["id"])
