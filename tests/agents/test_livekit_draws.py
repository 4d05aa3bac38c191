"""How a real LiveKit chooses among the hosts of a name: it draws lots, weighed by the load that they told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from livekit import api

from agents.capacity import Capacity, Limits, Usage
from agents.registration import Registration
from common.livekit import LiveKitCredentials
from stack import free_ports
from stack.config import Service, StackConfig
from stack.embedded import Stack
from tests.agents.fake_livekit import FakePool, Heard
from tests.agents.test_jobs import CALL
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

NAME = "shop@v3"
DISPATCHES, AT_ONCE = 300, 10
IDLE_SHARE = 0.741
"""Of a host that does nothing beside one that is as busy as it can be: 1 to 1 - 0.65."""

SHARE_SPREAD = 0.127
"""Five standard deviations of 300 draws: one run in two million. Without weights it would be half of them."""


@pytest.fixture(scope="module")
async def livekit(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    config = StackConfig(
        state_dir=tmp_path_factory.mktemp("livekit"),
        ports=free_ports(),
        services=frozenset({Service.LIVEKIT}),
    )
    async with Stack(config) as alone:
        yield alone


def _host(cpu: float) -> Capacity:
    capacity = Capacity(Limits(calls=DISPATCHES * 2), lambda: Usage(cpu=0.0, memory=0.0))
    capacity.usage = Usage(cpu=cpu, memory=0.0)
    return capacity


@asynccontextmanager
async def _registered(livekit: Stack, *hosts: Capacity) -> AsyncIterator[list[FakePool]]:
    """One registration of the name for each host; gives what takes its calls, without any process."""
    key, secret = livekit.livekit_api_key, livekit.livekit_api_secret
    credentials = LiveKitCredentials(livekit.livekit_url, key, secret)
    async with aiohttp.ClientSession() as http, AsyncExitStack() as ends:
        pools = [FakePool() for _ in hosts]
        for host, pool in zip(hosts, pools, strict=True):
            takes: Any = pool
            one = Registration(NAME, CALL, credentials, takes, http, host, lambda: None, Heard())
            ends.callback(asyncio.create_task(one.run()).cancel)
            ends.push_async_callback(one.end_calls)
            await asyncio.wait_for(one.registered.wait(), 10)
        yield pools


async def _dispatch(livekit: Stack, count: int) -> None:
    """Ask for the agent in as many rooms, a few at a time."""
    turn = asyncio.Semaphore(AT_ONCE)
    key, secret = livekit.livekit_api_key, livekit.livekit_api_secret
    async with api.LiveKitAPI(livekit.livekit_url, key, secret) as client:

        async def one(number: int) -> None:
            async with turn:
                request = api.CreateAgentDispatchRequest(agent_name=NAME, room=f"room-{count}-{number}")
                await client.agent_dispatch.create_dispatch(request)

        await asyncio.gather(*map(one, range(count)))


async def _taken(pools: list[FakePool], count: int) -> list[int]:
    """The calls that each got, once all are there."""

    async def look() -> list[int] | None:
        taken = [len(pool.launched) for pool in pools]
        return taken if sum(taken) == count else None

    return await eventually(look, f"{count} calls taken", seconds=30)


async def test_the_idler_host_gets_more_calls_and_the_busy_one_still_some(livekit: Stack) -> None:
    async with _registered(livekit, _host(cpu=0.0), _host(cpu=1.0)) as pools:
        await _dispatch(livekit, DISPATCHES)
        idle, _ = await _taken(pools, DISPATCHES)
    assert idle / DISPATCHES == pytest.approx(IDLE_SHARE, abs=SHARE_SPREAD)


async def test_a_host_that_refuses_loses_no_call_to_nobody(livekit: Stack) -> None:
    """It says so to each offer from that moment on, whatever LiveKit was told of its load last."""
    broken, other = _host(cpu=0.0), _host(cpu=1.0)
    async with _registered(livekit, broken, other) as pools:
        broken.can_begin(False)
        await _dispatch(livekit, 30)
        assert await _taken(pools, 30) == [0, 30]
