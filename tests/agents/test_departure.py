"""How an agent leaves its host: with the last call, or with the last that may come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest

from agents import departure
from agents.departure import Departure
from agents.registration import Registration
from tests.support.waiting import eventually

pytestmark = pytest.mark.unit

ROOM = "room"
LONG = 60.0


class FakeRegistration:
    """A name without LiveKit: what it was told, and whether it holds a call."""

    def __init__(self) -> None:
        self._is_quiet = asyncio.Event()
        self._is_quiet.set()
        self.draining = self.closed = False
        self.told: list[bool] = []
        """Each time the load was told: whether calls may come back."""
        self.takes_back: Callable[[], bool] = bool

    @property
    def busy(self) -> bool:
        return not self._is_quiet.is_set()

    @property
    def active_calls(self) -> int:
        return int(self.busy)

    def begins(self) -> None:
        """A call does."""
        self._is_quiet.clear()

    def ends(self) -> None:
        """The call does."""
        self._is_quiet.set()

    async def drain(self) -> None:
        self.draining = True
        await self.quiet()

    async def quiet(self) -> None:
        await self._is_quiet.wait()

    def shut(self) -> None:
        self.closed = True

    async def tell_load(self) -> None:
        self.told.append(self.takes_back())


class Leaving:
    """An agent with two names."""

    def __init__(self) -> None:
        self.first, self.second = self.both = FakeRegistration(), FakeRegistration()
        self.left = asyncio.Event()
        self.departure = Departure("shop", cast("list[Registration]", list(self.both)), self._close)
        self.departure.settled.set()
        self.first.takes_back = self.departure.takes_back

    async def _close(self) -> None:
        self.left.set()

    async def is_at_the_door(self) -> None:
        """Return once LiveKit is told that calls may come back."""

        async def told() -> bool:
            return self.first.told[-1:] == [True]

        await eventually(told, "the door open")


@pytest.fixture
async def agent(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Leaving]:
    monkeypatch.setattr(departure, "LOOK_SECONDS", 0.005)
    agent = Leaving()
    yield agent
    for each in agent.both:
        each.ends()
    await asyncio.wait_for(agent.departure.begin(0), 5)


async def test_it_leaves_with_its_last_call(agent: Leaving) -> None:
    agent.second.begins()
    leaving = agent.departure.begin(LONG, last=True)
    await eventually(lambda: _is(agent.second.draining), "it drains")
    assert not agent.left.is_set()
    agent.second.ends()
    await asyncio.wait_for(leaving, 5)
    assert agent.departure.done
    assert all(each.closed for each in agent.both)


async def test_a_call_that_came_back_by_the_other_name_is_not_cut_with_the_last_of_the_first(
    agent: Leaving,
) -> None:
    agent.first.begins()
    agent.second.begins()
    leaving = agent.departure.begin(LONG, last=True)
    await eventually(lambda: _is(agent.second.draining), "it drains")
    agent.first.ends()
    agent.departure.expect(ROOM)
    await agent.is_at_the_door()
    agent.departure.came(ROOM)
    agent.first.begins()
    await eventually(lambda: _is(agent.first.told[-1:] == [False]), "the door closed")
    agent.second.ends()
    done, _ = await asyncio.wait({leaving}, timeout=0.1)
    assert not done
    assert not agent.left.is_set()
    agent.first.ends()
    await asyncio.wait_for(leaving, 5)


async def test_a_call_that_does_not_come_back_is_not_waited_for_for_ever(
    agent: Leaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(departure, "BACK_SECONDS", 0.05)
    agent.departure.expect(ROOM)
    await asyncio.wait_for(agent.departure.begin(LONG, last=True), 5)
    assert True in agent.first.told, "LiveKit was told that it may"


async def test_one_that_takes_over_from_a_lost_host_registers_before_it_leaves(agent: Leaving) -> None:
    agent.departure.settled.clear()
    leaving = agent.departure.begin(LONG, last=True)
    await eventually(lambda: _is(agent.first.draining), "it drains")
    assert not agent.left.is_set()
    agent.departure.expect()
    agent.departure.settled.set()
    await agent.is_at_the_door()
    agent.first.begins()
    done, _ = await asyncio.wait({leaving}, timeout=0.05)
    assert not done


async def test_calls_that_others_can_go_on_with_are_not_waited_for(agent: Leaving) -> None:
    agent.departure.expect(ROOM)
    leaving = agent.departure.begin(LONG)
    await asyncio.wait_for(leaving, 5)
    assert True not in agent.first.told


async def test_a_nearer_deadline_counts_whatever_is_expected(agent: Leaving) -> None:
    agent.departure.expect()
    leaving = agent.departure.begin(LONG, last=True)
    await agent.is_at_the_door()
    assert agent.departure.begin(0) is leaving
    await asyncio.wait_for(leaving, 5)
    assert agent.left.is_set()


async def _is(holds: bool) -> bool:
    return holds
