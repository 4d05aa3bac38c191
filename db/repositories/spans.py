"""Which hours and days make up a range of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HOUR, DAY = "hour", "day"
HOURS_KEPT = timedelta(days=8)
"""Calls made earlier are known by the day only."""


MOST_PIECES = 3
"""Of a range: hours, days, hours."""


@dataclass(frozen=True)
class Piece:
    """Whole hours or whole days, one after the other, from `since` until before `until`."""

    span: str
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Range:
    """Time in whole hours, UTC; in whole days where hours are not known any more."""

    since: datetime
    until: datetime

    @classmethod
    def around(cls, since: datetime, until: datetime, now: datetime) -> Range:
        """The least range that has all of `since` to `until` in it, both in UTC."""
        kept = hours_from(now)
        begin = floor_hour(since) if since >= kept else floor_day(since)
        end = _ceil(until, timedelta(hours=1)) if until > kept else _ceil(until, timedelta(days=1))
        return cls(begin, max(begin, end))

    def pieces(self) -> list[Piece]:
        """Days as far as they are whole, hours at the edges."""
        first, last = _ceil(self.since, timedelta(days=1)), floor_day(self.until)
        if first > last:
            return [Piece(HOUR, self.since, self.until)]
        found = [Piece(HOUR, self.since, first), Piece(DAY, first, last), Piece(HOUR, last, self.until)]
        return [each for each in found if each.since < each.until]


def hours_from(now: datetime) -> datetime:
    """The first hour that is known: a day begins with it."""
    return floor_day(now - HOURS_KEPT)


def floor_hour(at: datetime) -> datetime:
    """When the hour began."""
    return at.replace(minute=0, second=0, microsecond=0)


def floor_day(at: datetime) -> datetime:
    """When the day began."""
    return floor_hour(at).replace(hour=0)


def _ceil(at: datetime, step: timedelta) -> datetime:
    begin = floor_day(at) if step == timedelta(days=1) else floor_hour(at)
    if begin == at:
        return at
    try:
        return begin + step
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
