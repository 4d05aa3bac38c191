"""How the calls of one version went, beside those of another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from common.status import CallStatus
from db.models import AgentRow, CallRow, TurnRow


@dataclass(frozen=True)
class TrialFigures:
    """The calls of one version, of which somebody came to."""

    calls: int = 0
    unanswered: int = 0
    """Whose caller no agent came to in time."""
    crashed: int = 0
    """Whose agent was lost."""
    turns: int = 0
    """Answers of which the latency is known."""
    latency: float | None = None
    """Its median in seconds: from the end of the caller's words to the first sound of the answer."""


class TrialRepository:
    """Reads what a canary is judged on."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def goes_on(self, agent_id: UUID, version: int) -> bool:
        """Whether a version of an agent is on trial now."""
        statement = select(AgentRow.id).where(AgentRow.id == agent_id, AgentRow.canary_version == version)
        return (await self._db_session.execute(statement)).scalar() is not None

    async def of(
        self, agent_id: UUID, versions: tuple[int, int], since: datetime, patience: timedelta
    ) -> dict[int, TrialFigures]:
        """The figures by version, of calls since `since`; after `patience` a caller was left alone."""
        came = func.coalesce(CallRow.started_at, CallRow.caller_joined_at).is_not(None)
        until = func.coalesce(CallRow.ended_at, func.now())
        alone = CallRow.started_at.is_(None) & (CallRow.caller_joined_at < until - patience)
        crashed = or_(CallRow.status == CallStatus.FAILED, CallRow.crashes > 0)
        statement = (
            select(
                CallRow.version,
                func.count().filter(came),
                func.count().filter(alone),
                func.count().filter(came & crashed),
            )
            .where(CallRow.agent_id == agent_id, CallRow.version.in_(versions), CallRow.created_at >= since)
            .group_by(CallRow.version)
        )
        calls = {row[0]: row[1:] for row in await self._db_session.execute(statement)}
        latencies = await self._latencies(agent_id, versions, since)
        return {
            version: TrialFigures(*calls.get(version, (0, 0, 0)), *latencies.get(version, (0, None)))
            for version in versions
        }

    async def _latencies(
        self, agent_id: UUID, versions: tuple[int, int], since: datetime
    ) -> dict[int, tuple[int, float]]:
        median = func.percentile_cont(0.5).within_group(TurnRow.e2e_latency)
        statement = (
            select(CallRow.version, func.count(), median)
            .join(TurnRow, TurnRow.call_id == CallRow.id)
            .where(CallRow.agent_id == agent_id, CallRow.version.in_(versions), CallRow.created_at >= since)
            .where(TurnRow.e2e_latency.is_not(None))
            .group_by(CallRow.version)
        )
        return {version: (count, at) for version, count, at in await self._db_session.execute(statement)}
