"""When crashes are a loop."""

from __future__ import annotations

import pytest

from activities import crashes
from activities.crashes import Crashes, CrashLoop

pytestmark = pytest.mark.unit


class Clock:
    """A clock that is set."""

    now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def _crash(clock: Clock, before: Crashes | None) -> Crashes:
    """One more attempt that crashes, told of those before it by a heartbeat."""
    attempt = Crashes([{"crashes": before.times}] if before else [], clock)
    attempt.add("ValueError: no")
    return attempt


def test_the_fifth_crash_within_ten_minutes_is_one_too_many() -> None:
    clock, attempt = Clock(), None
    for _ in range(crashes.MANY - 1):
        attempt = _crash(clock, attempt)
        clock.now += 60
    with pytest.raises(CrashLoop, match=r"5 attempts within 10 minutes\. The last one: ValueError: no"):
        _crash(clock, attempt)


def test_old_crashes_are_forgotten() -> None:
    clock, attempt = Clock(), None
    for _ in range(3 * crashes.MANY):
        attempt = _crash(clock, attempt)
        clock.now += crashes.WITHIN_SECONDS / 3
    assert attempt is not None
    assert len(attempt.times) == 3


def test_health_clears_the_slate() -> None:
    clock, attempt = Clock(), None
    for _ in range(crashes.MANY - 1):
        attempt = _crash(clock, attempt)
    assert attempt is not None
    well = Crashes([{"crashes": attempt.times}], clock)
    well.registered()
    clock.now += crashes.HEALTHY_SECONDS
    well.add("ValueError: no")
    assert len(well.times) == 1


@pytest.mark.parametrize("details", [[], [None], ["words"], [{}], [{"crashes": None}]])
def test_a_first_attempt_knows_of_none(details: list[object]) -> None:
    assert Crashes(details).times == []
