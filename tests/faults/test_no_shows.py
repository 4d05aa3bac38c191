"""A caller to whom no agent came within its time: another host is asked, where another one carries the agent.
Where none does, the one that is on its way is waited for, for as long as its host is there."""

from __future__ import annotations

import asyncio
import re
import signal

import asyncpg
import pytest

from tests.support.caller import calling
from tests.support.dispatches import dispatches, livekit_of
from tests.support.hosts import another_host, on_both, own_host
from tests.support.jobs import frozen_in_wait
from tests.support.outages import GREETING
from tests.support.platform import Json, Platform
from tests.support.recoveries import call_of, settled
from tests.support.waiting import eventually
from workflows import policy

pytestmark = [pytest.mark.integration, pytest.mark.alone]

HOST = "no-show"
CALLS = 20
"""LiveKit draws lots: by then a host of two has had one."""

SLOW_SECONDS = 5.0
"""A process takes so long: longer than a caller's patience, and not so long that it is taken to hang."""

BACK_SECONDS = 12.0
"""From a host's death until it has begun again and greeted the caller; who waits for the first agent waits
longer."""


async def _lost(platform: Platform, token: Json) -> list[str]:
    events = (await call_of(platform, token["callId"]))["events"]
    return [str(each["data"]["reason"]) for each in events if each["event"] == "lost"]


async def test_a_host_that_took_a_call_and_brought_nobody_is_not_asked_again(platform: Platform) -> None:
    first = await own_host(platform)
    async with (
        another_host(platform, HOST) as host,
        on_both(platform, (first, HOST)) as agent,
        livekit_of(platform) as livekit,
    ):
        with frozen_in_wait(host.pid):
            for _ in range(CALLS):
                token = await platform.token(agent["slug"])
                async with calling(token["url"], token["token"], quiet=True) as caller:
                    await caller.hears(GREETING, seconds=8)
                    await settled(platform, token["callId"])
                    sent = await dispatches(livekit, caller.room.name)
                if [each.attempt for each in sent] != [1]:
                    break
        assert [(each.attempt, each.avoid) for each in sent] == [(2, HOST)]
        (reason,) = await _lost(platform, token)
        assert re.fullmatch(r"No agent came within 2\.\d s\.", reason)


async def test_an_agent_on_its_way_from_the_only_host_is_waited_for(platform: Platform) -> None:
    agent = await platform.deployed("only-one")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"], quiet=True) as caller:
        with frozen_in_wait(_pid(platform)):
            await asyncio.sleep(SLOW_SECONDS)
            assert not caller.met
        await caller.hears(GREETING, seconds=8)
        assert (await settled(platform, token["callId"]))["recoveries"] == 0
        assert len(caller.met) == 1
    await platform.stop(agent["id"])


async def test_an_agent_whose_host_dies_as_it_is_on_its_way_is_not_waited_for(platform: Platform) -> None:
    agent = await platform.deployed("only-one-dies")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"], quiet=True) as caller:
        with frozen_in_wait(_pid(platform)):
            await eventually(
                lambda: _taken(platform, token), "its host to say that it has the job", every=0.02
            )
            platform.stack.kill("runtime", signal.SIGKILL)
            await caller.hears(GREETING, seconds=BACK_SECONDS)
        assert len(caller.met) == 1
        await settled(platform, token["callId"])
        # Whoever notices first tells; the next one may be sent before the agent is registered again.
        noticed = r"The process of host \S+ that held it is gone\.|No agent came within 2 s\."
        first, *later = await _lost(platform, token)
        assert re.fullmatch(noticed, first)
        unregistered, vain = (
            "No agent was registered when one was sent for.",
            "The agent that was sent did not stay.",
        )
        assert set(later) <= {unregistered, vain}
        assert later.count(unregistered) <= 1, "once it was registered, one more was sent"
        assert len(later) < policy.CALL_TRIES, "nobody was alarmed"
    await platform.stop(agent["id"])


def _pid(platform: Platform) -> int:
    pid = platform.stack.service("runtime").pid
    assert pid
    return pid


async def _taken(platform: Platform, token: Json) -> bool:
    database = await asyncpg.connect(platform.stack.database_url)
    try:
        return bool(await database.fetchval("SELECT host FROM calls WHERE room = $1", token["room"]))
    finally:
        await database.close()
