"""Figures over agents and calls: of counts that are kept, and of calls that are not counted yet."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from common.status import CallStatus
from db.histograms import Histogram
from db.models import AgentRow, CallCountRow, CallRow
from db.models.call import IS_OPEN
from db.repositories import figures
from db.repositories.measured import PLATFORM, day_of
from db.repositories.spans import DAY, Range


@dataclass
class Tally:
    """Calls of some group, summed up; durations and latencies in seconds."""

    sums: Counter[str] = field(default_factory=Counter)
    """By status, and by the names of the other counters."""
    seconds: float = 0.0
    """How long those lasted that are over, in all."""
    measures: defaultdict[str, Histogram] = field(default_factory=lambda: defaultdict(Histogram))
    """How long things took."""

    @property
    def calls(self) -> int:
        """How many, whatever became of them."""
        return sum(self.sums[status] for status in CallStatus)

    def add(self, other: Tally) -> None:
        """Take another group in."""
        self.sums.update(other.sums)
        self.seconds += other.seconds
        for name, histogram in other.measures.items():
            self.measures[name].take(histogram)

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

    days: defaultdict[date, Tally] = field(default_factory=lambda: defaultdict(Tally))
    versions: defaultdict[int, Tally] = field(default_factory=lambda: defaultdict(Tally))
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
            return [self.tallies.versions[0]]
        return [self.tallies.days[at.date()], self.tallies.versions[version]]


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
        asked, run = figures.parameters(range_, agent_id), self._db_session.execute
        for counts in (figures.counts_kept(), figures.counts_live(of_agent=found.of_agent)):
            for at, version, *values in (await run(counts, asked)).all():
                for tally in found.of(at, version):
                    tally.count(dict(zip(figures.COUNTED, values, strict=False)))
        for measures in (figures.measures_kept(), figures.measures_live(of_agent=found.of_agent)):
            for at, version, measure, *histogram in (await run(measures, asked)).all():
                for tally in found.of(at, version):
                    tally.measures[measure].add(*histogram)
        return found.tallies
