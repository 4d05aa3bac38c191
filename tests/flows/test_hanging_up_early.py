"""A caller who hangs up at once: whoever was sent does not stay in the empty room."""

from __future__ import annotations

import pytest

from agents.leaving import ALONE_SECONDS
from tests.support.caller import calling
from tests.support.jobs import call_processes
from tests.support.outages import GREETING
from tests.support.platform import Platform
from tests.support.recoveries import call_of
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]


async def _came_and_left(platform: Platform) -> None:
    """An agent came into the empty room, and is gone."""

    async def sent() -> bool:
        return bool(call_processes(platform.stack))

    async def left() -> bool:
        return not call_processes(platform.stack)

    await eventually(sent, "an agent in the room", every=0.01)
    await eventually(left, "nobody in the room", seconds=ALONE_SECONDS + 5)


async def test_an_agent_leaves_a_room_in_which_nobody_is(platform: Platform) -> None:
    agent = await platform.deployed("early")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"], quiet=True):
        pass  # gone before any agent can be there
    await _came_and_left(platform)
    await platform.stop(agent["id"])


async def test_a_caller_who_comes_back_late_gets_another_agent(platform: Platform) -> None:
    """The agent's leaving is no end of the call: its token holds, and somebody may be on the way."""
    agent = await platform.deployed("late")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"], quiet=True):
        pass
    await _came_and_left(platform)
    assert (await call_of(platform, token["callId"]))["status"] == "active"
    async with calling(token["url"], token["token"], quiet=True) as caller:
        await caller.hears(GREETING)
    await platform.stop(agent["id"])
