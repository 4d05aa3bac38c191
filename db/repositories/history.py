"""Queries on what became of an agent's deployments."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import DeploymentRow, TransitionRow
from db.repositories.pages import Cursor, Page

Told = tuple[DeploymentRow, list[TransitionRow]]
"""A deployment with all that happened to it, in order."""


class HistoryRepository:
    """Reads deployments that were."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def deployments(self, agent_id: UUID, cursor: Cursor | None, limit: int) -> Page[Told]:
        """A page of an agent's deployments, newest first."""
        statement = (
            select(DeploymentRow)
            .where(DeploymentRow.agent_id == agent_id)
            .order_by(DeploymentRow.created_at.desc(), DeploymentRow.id.desc())
            .limit(limit + 1)
        )
        if cursor:
            statement = statement.where(
                tuple_(DeploymentRow.created_at, DeploymentRow.id) < tuple_(cursor.created_at, cursor.id)
            )
        found = list((await self._db_session.execute(statement)).scalars())
        rows = found[:limit]
        last = rows[-1] if len(found) > limit else None
        transitions = await self._transitions([row.id for row in rows])
        items = [(row, transitions[row.id]) for row in rows]
        return Page(items, Cursor(last.created_at, last.id).encode() if last else None)

    async def _transitions(self, deployment_ids: list[UUID]) -> dict[UUID, list[TransitionRow]]:
        statement = (
            select(TransitionRow)
            .where(TransitionRow.deployment_id.in_(deployment_ids))
            .order_by(TransitionRow.sequence)
        )
        found: dict[UUID, list[TransitionRow]] = {each: [] for each in deployment_ids}
        for row in (await self._db_session.execute(statement)).scalars():
            found[row.deployment_id].append(row)
        return found
