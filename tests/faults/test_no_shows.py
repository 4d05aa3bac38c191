"""A caller to whom no agent came is better served by another host, where another one carries the agent."""

from __future__ import annotations

from contextlib import suppress

import psutil
import pytest

from tests.support.caller import calling
from tests.support.dispatches import dispatches, livekit_of
from tests.support.hosts import another_host, on_both, own_host
from tests.support.outages import GREETING
from tests.support.platform import Platform
from tests.support.recoveries import call_of, settled

pytestmark = [pytest.mark.integration, pytest.mark.alone]

HOST = "no-show"
CALLS = 20
"""LiveKit draws lots: by then a host of two has had one."""


def _freeze_what_waits(host: int) -> list[psutil.Process]:
    """Stop a host's job processes: whatever call it takes, none begins."""
    frozen = psutil.Process(host).children(recursive=True)
    for process in frozen:
        process.suspend()
    return frozen


async def test_a_host_that_took_a_call_and_brought_nobody_is_not_asked_again(platform: Platform) -> None:
    first = await own_host(platform)
    async with (
        another_host(platform, HOST) as host,
        on_both(platform, (first, HOST)) as agent,
        livekit_of(platform) as livekit,
    ):
        frozen = _freeze_what_waits(host.pid)
        try:
            for _ in range(CALLS):
                token = await platform.token(agent["slug"])
                async with calling(token["url"], token["token"], quiet=True) as caller:
                    await caller.hears(GREETING, seconds=8)
                    await settled(platform, token["callId"])
                    sent = await dispatches(livekit, caller.room.name)
                if [each.attempt for each in sent] != [1]:
                    break
        finally:
            for process in frozen:
                with suppress(psutil.NoSuchProcess):  # its host has noticed that it hangs
                    process.resume()
        assert [(each.attempt, each.elsewhere) for each in sent] == [(2, True)]
        (lost,) = [
            each["data"]["reason"]
            for each in (await call_of(platform, token["callId"]))["events"]
            if each["event"] == "lost"
        ]
        assert lost == "No agent came within 2 s."
