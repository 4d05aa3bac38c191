"""An agent that was moved often comes back as soon as one that never was."""

from __future__ import annotations

import time

import pytest

from tests.support.platform import Json, Platform
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

RESTARTS = 6
"""With a wait that doubles each time, the last of so many would take half a minute."""


async def test_each_restart_of_the_host_has_the_agent_back_at_once(platform: Platform) -> None:
    agent = await platform.deployed("restarted")

    async def registered() -> Json | None:
        found = await platform.agent(agent["id"])
        return found if found["status"] == "running" and found["replicas"]["ready"] == 1 else None

    for number in range(1, RESTARTS + 1):
        await platform.stack.restart("runtime")
        began = time.monotonic()

        async def moved(attempt: int = number + 1) -> Json | None:
            found = await registered()
            return found if found and found["deployment"]["attempt"] >= attempt else None

        await eventually(moved, f"attempt {number + 1} registered", seconds=40)
        assert time.monotonic() - began < 10, f"restart {number}"
    await platform.stop(agent["id"])
