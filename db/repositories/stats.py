"""Figures over agents and calls: of counts that are kept, and of calls that are not counted yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, func, or_, select, text
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession

from common.status import CallStatus
from db.histograms import Histogram
from db.models import AgentRow, CallCountRow, CallMeasureRow, CallRow
from db.models.call import IS_OPEN
from db.repositories.measured import COUNTERS, PLATFORM, VERSION, counters, day_of, measured
from db.repositories.spans import DAY, Range

_STILL = (CallStatus.WAITING, CallStatus.ACTIVE, CallStatus.RECOVERING)


@dataclass
class Tally:
    """Calls of some group, summed up; durations and latencies in seconds."""

    sums: Counter[str] = field(default_factory=Counter)
    """By status, and by the names of the other counters."""
    seconds: float = 0.0
    """How long those lasted that are over, in all."""
    measures: dict[str, Histogram] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """How many, whatever became of them."""
        return sum(self.sums[status] for status in CallStatus)

    def measure(self, name: str) -> Histogram:
        """How long something took."""
        return self.measures.setdefault(name, Histogram())

    def add(self, other: Tally) -> None:
        """Take another group in."""
        self.sums.update(other.sums)
        self.seconds += other.seconds
        for name, histogram in other.measures.items():
            self.measure(name).add(histogram.counts, histogram.counts.values())

    def count(self, sums: dict[str, Any]) -> None:
        """Take calls in."""
        for name, value in sums.items():
            if name == "seconds":
                self.seconds += float(value)
            else:
                self.sums[name] += int(value)


@dataclass
class Tallies:
    """The same calls in two ways."""

    days: dict[date, Tally] = field(default_factory=dict)
    versions: dict[int, Tally] = field(default_factory=dict)
    """0: it is not known, or not asked for."""

    @property
    def whole(self) -> Tally:
        """All of them."""
        whole = Tally()
        for tally in self.versions.values():
            whole.add(tally)
        return whole


@dataclass
class _Sums:
    """What becomes `Tallies`."""

    of_agent: bool
    tallies: Tallies = field(default_factory=Tallies)

    def of(self, at: datetime, version: int) -> list[Tally]:
        """Where calls of that time and version belong."""
        if not self.of_agent:
            return [self.tallies.versions.setdefault(0, Tally())]
        day = self.tallies.days.setdefault(at.date(), Tally())
        return [day, self.tallies.versions.setdefault(version, Tally())]


class StatsRepository:
    """Counts and measures. Needs a transaction that sees one moment: a call may be counted meanwhile."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def agents_by_status(self) -> dict[str, int]:
        """How many agents are in each status."""
        statement = select(AgentRow.status, func.count()).group_by(AgentRow.status)
        rows = await self._db_session.execute(statement)
        return {row[0]: row[1] for row in rows}

    async def active_calls(self) -> int:
        """Calls with an agent in the room, or about to have one again."""
        statement = select(func.count()).where(text(IS_OPEN), CallRow.status != CallStatus.WAITING)
        return (await self._db_session.execute(statement)).scalar_one()

    async def calls_today(self) -> int:
        """Calls made since midnight, UTC."""
        today = day_of(func.now())
        counted = select(func.sum(CallCountRow.ended + CallCountRow.failed + CallCountRow.abandoned)).where(
            CallCountRow.agent_id == PLATFORM, CallCountRow.span == DAY, CallCountRow.at == today
        )
        others = select(func.count()).where(CallRow.turn_count.is_(None), CallRow.created_at >= today)
        both = func.coalesce(counted.scalar_subquery(), 0) + others.scalar_subquery()
        return int((await self._db_session.execute(select(both))).scalar_one())

    async def tallies(self, range_: Range, agent_id: UUID | None = None) -> Tallies:
        """The calls that were made in a range: of an agent, or of all, which are not told apart."""
        found = _Sums(of_agent=agent_id is not None)
        await self._add_counted(found, _pieces(CallCountRow, range_, agent_id))
        await self._add_measured(found, _pieces(CallMeasureRow, range_, agent_id))
        live = [
            CallRow.turn_count.is_(None),
            CallRow.created_at >= range_.since,
            CallRow.created_at < range_.until,
        ]
        if agent_id:
            live.append(CallRow.agent_id == agent_id)
        await self._count_live(found, live)
        await self._measure_live(found, live)
        return found.tallies

    async def _add_counted(self, sums: _Sums, which: ColumnElement[bool]) -> None:
        columns = [getattr(CallCountRow, name) for name in COUNTERS]
        statement = select(CallCountRow.at, CallCountRow.version, *columns).where(which)
        for at, version, *values in await self._db_session.execute(statement):
            for tally in sums.of(at, version):
                tally.count(dict(zip(COUNTERS, values, strict=True)))

    async def _add_measured(self, sums: _Sums, which: ColumnElement[bool]) -> None:
        row = CallMeasureRow
        statement = select(row.at, row.version, row.measure, row.buckets, row.counts).where(which)
        for at, version, measure, buckets, counts in await self._db_session.execute(statement):
            for tally in sums.of(at, version):
                tally.measure(measure).add(buckets, counts)

    async def _count_live(self, sums: _Sums, which: Sequence[ColumnElement[bool]]) -> None:
        keys = (day_of(CallRow.created_at), VERSION)
        still = [func.count().filter(CallRow.status == status) for status in _STILL]
        statement = select(*keys, *counters(), *still).where(*which).group_by(*keys)
        names = (*COUNTERS, *_STILL)
        for at, version, *values in await self._db_session.execute(statement):
            for tally in sums.of(at, version):
                tally.count(dict(zip(names, values, strict=True)))

    async def _measure_live(self, sums: _Sums, which: Sequence[ColumnElement[bool]]) -> None:
        found = measured(*which).c
        order = (found.bucket, found.agent_id)
        buckets = func.array_agg(aggregate_order_by(found.bucket, *order))
        counts = func.array_agg(aggregate_order_by(found["count"], *order))
        keys = (found.hour, found.version, found.measure)
        statement = select(*keys, buckets, counts).group_by(*keys)
        for at, version, measure, *histogram in await self._db_session.execute(statement):
            for tally in sums.of(at, version):
                tally.measure(measure).add(*histogram)


def _pieces(table: type[CallCountRow | CallMeasureRow], range_: Range, agent_id: UUID | None) -> Any:
    """What is kept of a range."""
    within = [
        and_(table.span == piece.span, table.at >= piece.since, table.at < piece.until)
        for piece in range_.pieces()
    ]
    return and_(table.agent_id == (agent_id or PLATFORM), or_(false(), *within))
