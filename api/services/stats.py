"""Figures for the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from api.metrics import Gauges
from api.postgres import Postgres
from api.schemas.stats import OverviewAnswer, Percentiles
from api.services.calls import instant
from common.errors import FieldError, InvalidInput
from db.repositories.repairs import RepairRepository
from db.repositories.stats import StatsRepository

DEFAULT_RANGE = timedelta(days=1)


@dataclass(frozen=True)
class StatsService:
    """Counts and measures."""

    postgres: Postgres

    async def overview(self, since: datetime | None, until: datetime | None) -> OverviewAnswer:
        """The platform between `since` and `until`; the last 24 hours where they are not given.

        Raises:
            InvalidInput: the range ends before it begins.
        """
        end = instant(until, "/to") or datetime.now(UTC)
        begin = instant(since, "/from") or _before(end)
        if begin > end:
            raise InvalidInput("The range is not valid.", [FieldError("/from", "must not be after `to`")])
        async with self.postgres.begin() as db_session:
            stats = StatsRepository(db_session)
            agents = await stats.agents_by_status()
            figures = await stats.calls(begin, end)
        return OverviewAnswer(
            from_=begin,
            to=end,
            agents=agents,
            active_calls=figures.active,
            calls_today=figures.today,
            calls=figures.total,
            average_duration=figures.average_duration,
            turns=figures.turns,
            e2e_latency=Percentiles(p50=figures.latency_p50, p95=figures.latency_p95),
        )

    async def gauges(self) -> Gauges:
        """What Prometheus is told of the platform as a whole."""
        async with self.postgres.begin() as db_session:
            stats = StatsRepository(db_session)
            return Gauges(
                await stats.agents_by_status(),
                await stats.active_calls(),
                await RepairRepository(db_session).by_kind(DEFAULT_RANGE),
            )


def _before(end: datetime) -> datetime:
    try:
        return end - DEFAULT_RANGE
    except OverflowError:
        return end
