"""Deployments that Postgres knows of and no workflow does: what a crash or an outage left behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from common.status import Status
from db.models import AgentRow, DeploymentRow
from db.repositories.deployments import FIRST


@dataclass(frozen=True)
class AgentBefore:
    """How an agent was before a deployment was written."""

    status: str
    deployment_id: UUID | None
    live_version: int | None

    @classmethod
    def of(cls, agent: AgentRow) -> AgentBefore:
        """The agent as it is now. It must be locked."""
        return cls(agent.status, agent.deployment_id, agent.live_version)


class UnstartedRepository:
    """Reads and writes deployments of which no workflow has said anything yet."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def fail(self, deployment_id: UUID, reason: str, before: AgentBefore) -> bool:
        """Mark a deployment failed, and show the agent as it was; tells whether nothing had been recorded.

        An agent that serves calls goes on doing so: only where nothing is live is the agent failed itself.
        """
        failed = (
            update(DeploymentRow)
            .where(DeploymentRow.id == deployment_id, DeploymentRow.sequence == FIRST)
            .values(status=Status.FAILED, reason=reason)
            .returning(DeploymentRow.agent_id)
        )
        agent_id = (await self._db_session.execute(failed)).scalar_one_or_none()
        if agent_id is None:
            return False
        values: dict[str, object] = {"status": Status.FAILED, "last_error": reason}
        if before.live_version is not None:
            values |= {"status": before.status, "deployment_id": before.deployment_id}
        shown = update(AgentRow).where(AgentRow.id == agent_id, AgentRow.deployment_id == deployment_id)
        await self._db_session.execute(shown.values(values))
        return True

    async def left_behind(self, age: timedelta) -> list[tuple[AgentRow, DeploymentRow]]:
        """Deployments of which nothing was heard for `age`, with their agents; later ones replaced none."""
        statement = (
            select(AgentRow, DeploymentRow)
            .join(DeploymentRow, DeploymentRow.id == AgentRow.deployment_id)
            .where(
                DeploymentRow.sequence == FIRST,
                DeploymentRow.status == Status.VALIDATING,
                DeploymentRow.created_at < func.now() - age,
            )
            .order_by(DeploymentRow.created_at)
            .limit(100)
        )
        return [(agent, deployment) for agent, deployment in await self._db_session.execute(statement)]
