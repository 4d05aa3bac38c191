"""The order to leave reaches the attempt that it is for, also where two of one replica are on a host."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from activities.hosting import HostActivities
from activities.stay import Tenant
from workflows.types import ReleaseInput

pytestmark = pytest.mark.unit

REPLICA = "agent-a-v1-r1"


@dataclass
class Agent:
    """Notes how it was told to leave; `agents.hosting.HostedAgent` does it."""

    told: list[float] = field(default_factory=list)

    def leave(self, seconds: float, *, notice: float, last: bool) -> None:
        """Leave within so many seconds."""
        assert (notice, last) == (0.0, False)
        self.told.append(seconds)


def _host() -> HostActivities:
    """One that knows who is there, and no more."""
    nothing = cast("Any", None)
    return HostActivities(*[nothing] * 9)


def _moves_in(host: HostActivities, attempt: int) -> Agent:
    agent = Agent()
    host.tenants[REPLICA, attempt] = Tenant(cast("Any", agent), attempt)
    return agent


@pytest.mark.parametrize("order", [(2, 3), (3, 2)])
async def test_whichever_moved_in_last(order: tuple[int, int]) -> None:
    """A host that wakes begins the attempts that it was given meanwhile at the same time."""
    host = _host()
    agents = {attempt: _moves_in(host, attempt) for attempt in order}
    assert await host.release_agent(ReleaseInput(REPLICA, 3, 7.0))
    assert (agents[2].told, agents[3].told) == ([], [7.0])
    del host.tenants[REPLICA, 2]  # it was given up
    assert await host.release_agent(ReleaseInput(REPLICA, 3, 5.0))
    assert agents[3].told == [7.0, 5.0]
    assert not await host.release_agent(ReleaseInput(REPLICA, 2, 0.0))


async def test_an_attempt_that_begins_is_waited_for() -> None:
    host = _host()
    begins = host.attempts[REPLICA, 3] = asyncio.Event()
    _moves_in(host, 2)
    released = asyncio.create_task(host.release_agent(ReleaseInput(REPLICA, 3, 7.0)))
    await asyncio.sleep(0)
    assert not released.done()
    agent = _moves_in(host, 3)
    begins.set()
    assert await released
    assert agent.told == [7.0]
    assert host.carried == {REPLICA}
