"""A caller who waited in vain for long has an agent as soon as one registers."""

from __future__ import annotations

import pytest

from tests.support.caller import calling
from tests.support.platform import Platform
from tests.support.recoveries import call_of
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

IN_VAIN = 5
"""Agents that are sent while none is registered. Then the next one is sent eight seconds later."""

SOON = 3.0
"""From the moment at which an agent is known to be registered until it is with the caller."""


async def test_a_caller_need_not_wait_for_the_next_try(platform: Platform) -> None:
    agent = await platform.deployed("registered-later")
    token = await platform.token(agent["slug"])
    await platform.stack.stop("runtime")
    async with calling(token["url"], token["token"]) as caller:

        async def tried() -> bool:
            return bool((await call_of(platform, token["callId"]))["recoveries"] >= IN_VAIN)

        try:
            await eventually(tried, f"{IN_VAIN} agents sent in vain", seconds=30)
        finally:
            await platform.stack.start("runtime")
        await platform.reaches(agent["id"], "running")
        await caller.agent(seconds=SOON)
    await platform.stop(agent["id"])
