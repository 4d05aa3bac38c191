"""Queries on versions and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from common.status import Status
from db.models import AgentVersionRow, DeploymentRow, TransitionRow
from db.repositories.pages import Cursor, Page


@dataclass(frozen=True)
class VersionOverview:
    """A version with how often it was deployed, and when last."""

    version: AgentVersionRow
    deployments: int
    last_deployed_at: datetime | None


class VersionRepository:
    """Reads versions; `AgentRepository` publishes them and opens their configs."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def newest(self, agent_id: UUID) -> int | None:
        """The number of the agent's newest version; None when nothing was published yet."""
        statement = select(func.max(AgentVersionRow.number)).where(AgentVersionRow.agent_id == agent_id)
        return (await self._db_session.execute(statement)).scalar_one()

    async def overview(self, version: AgentVersionRow) -> VersionOverview:
        """`version` with its deployments."""
        statement = _overviews(version.agent_id).where(AgentVersionRow.id == version.id)
        return VersionOverview(*(await self._db_session.execute(statement)).one())

    async def list(self, agent_id: UUID, cursor: Cursor | None, limit: int) -> Page[VersionOverview]:
        """A page of an agent's versions, newest first.

        By number and not by time: whoever waited for the agent's lock began earlier and published later.
        """
        statement = _overviews(agent_id)
        if cursor:
            last = select(AgentVersionRow.number).where(AgentVersionRow.id == cursor.id)
            statement = statement.where(AgentVersionRow.number < last.scalar_subquery())
        statement = statement.order_by(AgentVersionRow.number.desc()).limit(limit + 1)
        found = [VersionOverview(*row) for row in await self._db_session.execute(statement)]
        rows = found[:limit]
        last_row = rows[-1].version if len(found) > limit else None
        return Page(rows, Cursor(last_row.created_at, last_row.id).encode() if last_row else None)

    async def last_that_ran(self, agent_id: UUID, *, other_than: int) -> int | None:
        """The version other than `other_than` that was running last; None when no other ever ran."""
        statement = (
            select(DeploymentRow.version)
            .join(TransitionRow, TransitionRow.deployment_id == DeploymentRow.id)
            .where(DeploymentRow.agent_id == agent_id, DeploymentRow.version != other_than)
            .where(TransitionRow.status == Status.RUNNING)
            .order_by(TransitionRow.at.desc())
            .limit(1)
        )
        return (await self._db_session.execute(statement)).scalar_one_or_none()


def _overviews(agent_id: UUID) -> Select[AgentVersionRow, int, datetime | None]:
    made = (
        select(
            DeploymentRow.version,
            func.count().label("deployments"),
            func.max(DeploymentRow.created_at).label("last"),
        )
        .where(DeploymentRow.agent_id == agent_id)
        .group_by(DeploymentRow.version)
        .subquery()
    )
    return (
        select(AgentVersionRow, func.coalesce(made.c.deployments, 0), made.c.last)
        .outerjoin(made, made.c.version == AgentVersionRow.number)
        .where(AgentVersionRow.agent_id == agent_id)
    )
