"""One agent on a host that is told to leave before it is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import aiohttp
import pytest

from agents import departure
from agents.facilities import Facilities
from agents.hosting import HostedAgent
from agents.jobs import JobPool
from agents.load import HostLoad
from common.livekit import LiveKitCredentials
from tests.agents.fake_livekit import FakeLiveKit, FakePool, Heard
from tests.agents.test_registration import CALL, idle

pytestmark = pytest.mark.unit

NAMES = ["shop@v3", "shop"]


class Boot:
    """An agent on a host that boots."""

    def __init__(self, livekit: FakeLiveKit, http: aiohttp.ClientSession) -> None:
        self.up = asyncio.Event()
        ready = asyncio.create_task(self._ready())
        shared = Facilities(cast("JobPool", FakePool()), HostLoad(idle()), http, ready)
        credentials = LiveKitCredentials(livekit.url, "key", "secret-of-at-least-thirty-two-bytes")
        self.agent = HostedAgent(CALL, credentials, NAMES, shared, Heard(), self._not_on_trial)

    async def _ready(self) -> None:
        await self.up.wait()

    async def _not_on_trial(self) -> bool:
        return False


@pytest.fixture
async def boot(livekit: FakeLiveKit) -> AsyncIterator[Boot]:
    async with aiohttp.ClientSession() as http:
        boot = Boot(livekit, http)
        yield boot
        boot.up.set()
        await asyncio.wait_for(boot.agent.leave(0), 5)


async def _told_first(boot: Boot, seconds: float, *, last: bool) -> asyncio.Task[None]:
    """Told to leave while it waits for its host; the task of its departure."""
    registering = asyncio.create_task(boot.agent.register())
    await asyncio.sleep(0)
    leaving = boot.agent.leave(seconds, last=last)
    if seconds == 0 or not last:
        await asyncio.wait_for(leaving, 5)
    boot.up.set()
    await asyncio.wait_for(registering, 5)
    return leaving


@pytest.mark.parametrize(("seconds", "last"), [(0, True), (0, False), (60, False)])
async def test_one_with_nothing_to_wait_for_never_registers(
    livekit: FakeLiveKit, boot: Boot, seconds: float, last: bool
) -> None:
    await _told_first(boot, seconds, last=last)
    assert livekit.names == []
    assert boot.agent.departed


async def test_the_last_one_registers_all_the_same_and_waits_for_the_calls_of_a_lost_host(
    livekit: FakeLiveKit, boot: Boot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(departure, "BACK_SECONDS", 0.2)
    monkeypatch.setattr(departure, "LOOK_SECONDS", 0.01)
    leaving = await _told_first(boot, 60, last=True)
    boot.agent.takes_over()
    assert sorted(livekit.names) == sorted(NAMES)
    assert not leaving.done()
    await asyncio.wait_for(leaving, 5)
