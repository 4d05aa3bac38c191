"""How many calls a host takes, and what LiveKit is told of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from agents.capacity import BUSIEST, SMOOTH_SECONDS, Capacity, Limits, Usage
from agents.load import AT_ONCE, HostLoad
from tests.support.waiting import eventually

pytestmark = pytest.mark.unit

LIVEKIT_TARGET_LOAD = 0.7
"""`DefaultTargetLoad` of livekit-server: a worker at or above it gets no calls."""


@dataclass
class Machine:
    """Time and load as a test wants them."""

    now: float = 100.0
    usage: Usage = field(default_factory=lambda: Usage(cpu=0.0, memory=0.5))

    def passes(self, capacity: Capacity, seconds: float) -> None:
        """Look at it every two seconds."""
        for _ in range(int(seconds / 2)):
            self.now += 2
            capacity.look()


@pytest.fixture
def machine() -> Machine:
    return Machine()


def _host(machine: Machine, calls: int = 10) -> Capacity:
    return Capacity(Limits(calls, cpu=0.9, memory=0.9), lambda: machine.usage, lambda: machine.now)


def test_load_is_that_of_calls_or_of_the_cpu_and_never_too_much_for_livekit(machine: Machine) -> None:
    host = _host(machine)
    assert host.load == 0
    host.hold("J1")
    assert host.load == pytest.approx(BUSIEST * 0.1)
    machine.usage = Usage(cpu=1.0, memory=0.5)
    machine.passes(host, 10 * SMOOTH_SECONDS)
    assert host.load == pytest.approx(BUSIEST, abs=0.01)
    for number in range(40):
        host.hold(f"K{number}")
    assert host.load <= BUSIEST < LIVEKIT_TARGET_LOAD


def test_a_moment_of_work_fills_no_host_and_lasting_work_does(machine: Machine) -> None:
    host = _host(machine)
    host.hold("J1")
    machine.usage = Usage(cpu=1.0, memory=0.5)
    machine.passes(host, 4)
    after_a_moment = host.full
    machine.passes(host, 30)
    after_half_a_minute = host.full
    host.release("J1")
    assert (after_a_moment, after_half_a_minute) == (None, "cpu")
    assert host.full is None, "without calls there is nobody to protect"


def test_memory_fills_a_host_at_once(machine: Machine) -> None:
    host = _host(machine)
    host.hold("J1")
    machine.usage = Usage(cpu=0.0, memory=0.95)
    machine.passes(host, 2)
    assert host.full == "memory"


def test_calls_fill_a_host_and_leave_a_margin(machine: Machine) -> None:
    host = _host(machine, calls=100)
    for number in range(109):
        host.hold(f"J{number}")
    assert (host.full, host.overfull, host.tipped.is_set()) == ("calls", False, False)
    host.hold("J109")
    assert (host.overfull, host.tipped.is_set()) == (True, True)
    host.tipped.clear()
    for _ in range(2):
        host.release("J109")
    assert (host.calls, host.overfull, host.tipped.is_set()) == (109, False, True)


def test_a_host_where_no_call_can_begin_has_room_for_nobody(machine: Machine) -> None:
    host = _host(machine)
    host.can_begin(False)
    assert (host.full, host.overfull, host.tipped.is_set()) == ("processes", True, True)
    host.tipped.clear()
    host.can_begin(True)
    assert (host.full, host.overfull, host.tipped.is_set()) == (None, False, True)


class Slow:
    """A registration whose LiveKit takes its time."""

    def __init__(self) -> None:
        self.told = 0

    async def tell_load(self) -> None:
        """As the real one."""
        await asyncio.sleep(0.01)
        self.told += 1


async def test_all_are_told_of_a_change_worth_telling_and_not_one_after_the_other(machine: Machine) -> None:
    host = _host(machine)
    load = HostLoad(host)
    listeners = [Slow() for _ in range(2 * AT_ONCE)]
    for each in listeners:
        load.add(each)
    load.remove(listeners.pop())
    await load.look()
    assert sum(each.told for each in listeners) == 0
    host.hold("J1")
    async with asyncio.timeout(0.01 * AT_ONCE):
        await load.look()
    assert {each.told for each in listeners} == {1}


async def test_livekit_hears_at_once_that_a_host_is_overfull(machine: Machine) -> None:
    host = _host(machine, calls=1)
    load, listener = HostLoad(host), Slow()
    load.add(listener)
    keeper = asyncio.create_task(load.keep())
    try:
        for number in range(5):
            host.hold(f"J{number}")

        async def told() -> bool:
            return listener.told == 1

        await eventually(told, "LiveKit told", seconds=1)
    finally:
        keeper.cancel()
    assert host.overfull
