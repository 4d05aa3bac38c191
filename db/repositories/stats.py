"""Figures over all agents and calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, extract, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from common.status import CallStatus
from db.models import AgentRow, CallRow, TurnRow


@dataclass(frozen=True)
class CallFigures:
    """Calls of a range; durations and latencies in seconds, None where there was nothing to measure."""

    active: int
    today: int
    total: int
    average_duration: float | None
    turns: int
    latency_p50: float | None
    latency_p95: float | None


class StatsRepository:
    """Counts and measures."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def agents_by_status(self) -> dict[str, int]:
        """How many agents are in each status."""
        statement = select(AgentRow.status, func.count()).group_by(AgentRow.status)
        rows = await self._db_session.execute(statement)
        return {row[0]: row[1] for row in rows}

    async def active_calls(self) -> int:
        """Calls with an agent in the room, or about to have one again."""
        statement = select(func.count()).where(_active())
        return (await self._db_session.execute(statement)).scalar_one()

    async def calls(self, since: datetime, until: datetime) -> CallFigures:
        """Calls made from `since` until before `until`."""
        within = (CallRow.created_at >= since, CallRow.created_at < until)
        seconds = extract("epoch", CallRow.ended_at - CallRow.started_at)
        today = func.date_trunc("day", func.now(), text("'UTC'"))
        heads = select(
            select(func.count()).where(_active()).scalar_subquery(),
            select(func.count()).where(CallRow.created_at >= today).scalar_subquery(),
            func.count(),
            func.avg(seconds),
        ).where(*within)
        active, of_today, total, duration = (await self._db_session.execute(heads)).one()
        latency = TurnRow.e2e_latency.asc()
        said = (
            select(
                func.count(),
                func.percentile_cont(0.5).within_group(latency),
                func.percentile_cont(0.95).within_group(latency),
            )
            .join(CallRow, CallRow.id == TurnRow.call_id)
            .where(*within)
        )
        turns, p50, p95 = (await self._db_session.execute(said)).one()
        average = None if duration is None else float(duration)
        return CallFigures(active, of_today, total, average, turns, p50, p95)


def _active() -> ColumnElement[bool]:
    return CallRow.status.in_([CallStatus.ACTIVE, CallStatus.RECOVERING])
