"""One agent on two hosts: both have calls, none has more than it says, and one that is broken gets none."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest
from livekit import api

from agents.capacity import LEAST_MARGIN
from tests.support.beginning import DIES, WELL
from tests.support.caller import calling
from tests.support.hosts import another_host, listed, on_both, order, own_host
from tests.support.outages import is_greeted
from tests.support.platform import Platform
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

LEFT, RIGHT = "left", "right"
CALLS = 8
LIMIT = 1
MOST = LIMIT + LEAST_MARGIN
"""Of these calls on one host. LiveKit draws lots, and the load only weighs them: what holds for certain is
that a host refuses all beyond its limit and a margin, and that LiveKit then asks the other one."""

ANSWERED = 6
"""Calls in a row that none but the host that is well may get: by lot that is one chance in 64."""


@pytest.fixture
async def first(platform: Platform) -> AsyncIterator[str]:
    """The stack's own host."""
    name = await own_host(platform)
    yield name
    await order(platform, name, "uncordon")


def _token(platform: Platform, room: str) -> str:
    """To join a room in which nobody is dispatched."""
    stack = platform.stack
    grants = api.VideoGrants(room_join=True, room=room)
    token = api.AccessToken(stack.livekit_api_key, stack.livekit_api_secret)
    return token.with_identity("somebody").with_grants(grants).to_jwt()


async def test_two_hosts_share_the_calls_of_an_agent(platform: Platform, first: str) -> None:
    """Dispatched as LiveKit does it: our tokens would count the hosts' lines, and refuse what is too much.

    The callers are quiet: eight that speak and listen keep the machine too busy to see the last agent come.
    """
    stack = platform.stack
    async with AsyncExitStack() as ends:
        for name in (LEFT, RIGHT):
            await ends.enter_async_context(another_host(platform, name, BIONIC_MAX_CALLS=str(LIMIT)))
        await order(platform, first, "cordon")
        agent = await ends.enter_async_context(on_both(platform, (LEFT, RIGHT)))
        livekit = await ends.enter_async_context(
            api.LiveKitAPI(stack.livekit_url, stack.livekit_api_key, stack.livekit_api_secret)
        )
        async with AsyncExitStack() as calls:
            for number in range(CALLS):
                room = f"{agent['slug']}-{number}"
                caller = await calls.enter_async_context(
                    calling(stack.livekit_url, _token(platform, room), quiet=True)
                )
                request = api.CreateAgentDispatchRequest(agent_name=agent["slug"], room=room)
                await livekit.agent_dispatch.create_dispatch(request)
                await caller.agent()

            async def counted() -> list[int] | None:
                hosts = [await listed(platform, name) for name in (LEFT, RIGHT)]
                counts = [host["activeCalls"] for host in hosts if host]
                return counts if sum(counts) == CALLS else None

            counts = await eventually(counted, f"{CALLS} calls on two hosts")
        assert max(counts) <= MOST
        assert min(counts) >= CALLS - MOST
        await order(platform, first, "uncordon")


async def test_a_host_whose_job_processes_do_not_begin_leaves_the_calls_to_the_other(
    platform: Platform, first: str, tmp_path: Path
) -> None:
    orders = tmp_path / "orders"
    await asyncio.to_thread(orders.write_text, WELL)
    command = [sys.executable, "-m", "tests.support.faulty_host", str(orders)]
    async with (
        another_host(platform, LEFT, command=command) as host,
        on_both(platform, (first, LEFT)) as agent,
    ):
        await asyncio.to_thread(orders.write_text, DIES)
        for forkserver in psutil.Process(host.pid).children():
            for process in forkserver.children():
                process.kill()

        async def broken() -> bool:
            left = await listed(platform, LEFT)
            return left is not None and left["full"] == "processes"

        await eventually(broken, "a host that is full without a call", seconds=30)
        await platform.reaches(agent["id"], "degraded")
        for _ in range(ANSWERED):
            await is_greeted(platform, agent["slug"])
        await asyncio.to_thread(orders.write_text, WELL)
        await platform.reaches(agent["id"], "running", seconds=60)
