"""Fault 12, memory leak: a call whose process takes too much gets another agent, which goes on."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support.caller import calling
from tests.support.hosts import another_host, order, own_host
from tests.support.outages import GREETING
from tests.support.platform import ANSWER, ORDER, Platform
from tests.support.recoveries import COMEBACK, another_agent, settled

pytestmark = [pytest.mark.integration, pytest.mark.alone]

HOST = "leaks"
LIMIT_MB = 800
"""Some 300 are what a process has from the beginning, most of it shared."""

NOTICED_SECONDS = 15.0
"""LiveKit's pool looks every five, and the leak takes its time."""


async def test_a_call_that_leaks_gets_another_agent_that_goes_on(platform: Platform, tmp_path: Path) -> None:
    leak = tmp_path / "leak"
    command = [sys.executable, "-m", "tests.support.leaking_host", str(leak)]
    first = await own_host(platform)
    await order(platform, first, "cordon")
    async with AsyncExitStack() as ends:
        ends.push_async_callback(order, platform, first, "uncordon")
        host = await ends.enter_async_context(
            another_host(platform, HOST, command=command, BIONIC_CALL_MEMORY_MB=str(LIMIT_MB))
        )
        agent = await platform.deployed("leaks")
        token = await platform.token(agent["slug"])
        caller = await ends.enter_async_context(calling(token["url"], token["token"]))
        await caller.hears(GREETING)
        await caller.speaks(ORDER)
        await caller.hears(ANSWER)
        lost = (await caller.agent()).identity

        await asyncio.to_thread(leak.touch)
        await another_agent(caller, lost, seconds=NOTICED_SECONDS)
        await caller.hears(COMEBACK)
        await caller.speaks(ORDER)
        await caller.hears(ANSWER)
        call = await settled(platform, token["callId"])
        assert (call["status"], call["recoveries"]) == ("active", 1)
        assert host.returncode is None
        await platform.stop(agent["id"])
    said = [turn["text"] for turn in call["turns"]]
    assert said[:3] == [GREETING, ORDER, ANSWER]
    assert sum(GREETING in text for text in said) == 1
