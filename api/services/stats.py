"""Figures for the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from api.metrics import Gauges
from api.postgres import Postgres
from api.schemas.stats import AgentStatsAnswer, DayFigures, OverviewAnswer, Percentiles, VersionFigures
from api.services.calls import instant
from common.errors import FieldError, InvalidInput
from db.repositories.agents import AgentRepository
from db.repositories.events import EventRepository
from db.repositories.repairs import RepairRepository
from db.repositories.spans import Range, floor_hour
from db.repositories.stats import StatsRepository

DEFAULT_RANGE = timedelta(days=1)
E2E_LATENCY = "e2e_latency"


@dataclass(frozen=True)
class StatsService:
    """Counts and measures."""

    postgres: Postgres

    async def overview(self, since: datetime | None, until: datetime | None) -> OverviewAnswer:
        """The platform between `since` and `until`; the last 24 hours where they are not given.

        Raises:
            InvalidInput: the range ends before it begins.
        """
        now = datetime.now(UTC)
        range_ = _range(since, until, now)
        async with self.postgres.moment() as db_session:
            stats = StatsRepository(db_session)
            tally = (await stats.tallies(range_)).whole
            answer: OverviewAnswer = OverviewAnswer.of(
                tally,
                from_=range_.since,
                to=_shown(range_.until, now),
                agents=await stats.agents_by_status(),
                active_calls=await stats.active_calls(),
                calls_today=await stats.calls_today(),
                e2e_latency=Percentiles.of(tally.measures[E2E_LATENCY]),
            )
        return answer

    async def agent(self, ref: str, since: datetime | None, until: datetime | None) -> AgentStatsAnswer:
        """One agent between `since` and `until`; the last 24 hours where they are not given.

        Raises:
            NotFound: there is no such agent.
            InvalidInput: the range ends before it begins.
        """
        now = datetime.now(UTC)
        range_ = _range(since, until, now)
        async with self.postgres.moment() as db_session:
            agent = await AgentRepository(db_session, self.postgres.box).get(ref)
            found = await StatsRepository(db_session).tallies(range_, agent.id)
        answer: AgentStatsAnswer = AgentStatsAnswer.of(
            found.whole,
            from_=range_.since,
            to=_shown(range_.until, now),
            agent_id=agent.id,
            versions=[
                VersionFigures.of(tally, version=version or None)
                for version, tally in sorted(found.versions.items())
            ],
            days=[DayFigures.of(tally, day=day) for day, tally in sorted(found.days.items())],
        )
        return answer

    async def gauges(self) -> Gauges:
        """What Prometheus is told of the platform as a whole."""
        async with self.postgres.moment() as db_session:
            stats = StatsRepository(db_session)
            return Gauges(
                await stats.agents_by_status(),
                await stats.active_calls(),
                await RepairRepository(db_session).by_kind(DEFAULT_RANGE),
                await EventRepository(db_session).trouble(DEFAULT_RANGE),
            )


def _range(since: datetime | None, until: datetime | None, now: datetime) -> Range:
    end = instant(until, "/to") or now
    begin = instant(since, "/from") or _before(end)
    if begin > end:
        raise InvalidInput("The range is not valid.", [FieldError("/from", "must not be after `to`")])
    return Range.around(begin, end, now)


def _shown(until: datetime, now: datetime) -> datetime:
    """The end of the range as it is told: an hour that is not over reaches until now."""
    hour = floor_hour(now)
    return now if hour < until <= hour + timedelta(hours=1) else until


def _before(end: datetime) -> datetime:
    try:
        return end - DEFAULT_RANGE
    except OverflowError:
        return end
