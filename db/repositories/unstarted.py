"""Deployments that Postgres knows of and no workflow does: what a crash, an outage or a loss left behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from common.status import Status
from db.models import AgentRow, DeploymentRow, ReplicaRow
from db.repositories.deployments import FIRST, DeploymentRepository, NewTransition

_PLATFORM = "platform"
"""The actor of what nobody asked for."""

_MOST = 100
_TERMINAL = [status for status in Status if status.terminal]


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

        Its number stays: should a workflow have taken it after all, what that tells is newer.

        An agent that serves calls goes on doing so: only where nothing is live is the agent failed itself.
        """
        failed = (
            update(DeploymentRow)
            .where(DeploymentRow.id == deployment_id, DeploymentRow.sequence == FIRST)
            .values(status=Status.FAILED, reason=reason)
            .returning(DeploymentRow.agent_id, DeploymentRow.actor, DeploymentRow.attempt)
            .execution_options(synchronize_session=False)
        )
        found = (await self._db_session.execute(failed)).one_or_none()
        if found is None:
            return False
        agent_id, actor, attempt = found
        news = NewTransition(FIRST + 1, datetime.now(UTC), Status.FAILED, actor, reason, attempt)
        await DeploymentRepository(self._db_session).tell(deployment_id, [news])
        values: dict[str, object] = {"status": Status.FAILED, "last_error": reason}
        if before.live_version is not None:
            values |= {"status": before.status, "deployment_id": before.deployment_id}
        shown = update(AgentRow).where(AgentRow.id == agent_id, AgentRow.deployment_id == deployment_id)
        await self._db_session.execute(shown.values(values))
        return True

    async def overtake(self, age: timedelta) -> int:
        """Mark deployments stopped of which nothing was heard for `age`, though a workflow has taken one that
        came later; how many there were. As with `fail`, what a workflow tells after all is newer."""
        later = aliased(DeploymentRow)
        statement = (
            select(DeploymentRow.id, DeploymentRow.attempt, func.max(later.version))
            .join(later, later.agent_id == DeploymentRow.agent_id)
            .where(later.created_at > DeploymentRow.created_at, later.sequence > FIRST, *_unheard_for(age))
            .group_by(DeploymentRow.id)
            .limit(_MOST)
        )
        found = (await self._db_session.execute(statement)).all()
        for deployment_id, attempt, version in found:
            reason = f"Superseded by version {version}, before it was begun."
            await self._db_session.execute(
                update(DeploymentRow)
                .where(DeploymentRow.id == deployment_id, DeploymentRow.sequence == FIRST)
                .values(status=Status.STOPPED, reason=reason)
                .execution_options(synchronize_session=False)
            )
            end = NewTransition(FIRST + 1, datetime.now(UTC), Status.STOPPED, _PLATFORM, reason, attempt)
            await DeploymentRepository(self._db_session).tell(deployment_id, [end])
        return len(found)

    async def give_up(self, agent: AgentRow, actor: str, reason: str) -> None:
        """Mark an agent, its deployments and their replicas stopped, for its workflow is lost.

        The agent must be locked. Its next workflow counts its reports from the beginning.
        """
        deployments = DeploymentRepository(self._db_session)
        going_on = (
            select(DeploymentRow)
            .where(DeploymentRow.agent_id == agent.id, DeploymentRow.status.not_in(_TERMINAL))
            .with_for_update()
        )
        for row in (await self._db_session.execute(going_on)).scalars().all():
            end = NewTransition(
                row.sequence + 1, datetime.now(UTC), Status.STOPPED, actor, reason, row.attempt
            )
            await deployments.record(row.id, [end])
        agent.status, agent.last_error = Status.STOPPED, reason
        agent.live_version = agent.live_deployment_id = None
        agent.canary_version = agent.canary_deployment_id = agent.canary_percent = None
        agent.sequence = 0
        gone = (
            update(ReplicaRow)
            .where(ReplicaRow.agent_id == agent.id, ReplicaRow.status.not_in(_TERMINAL))
            .values(status=Status.STOPPED, reason=reason)
            .execution_options(synchronize_session=False)
        )
        await self._db_session.execute(gone)
        await self._db_session.flush()

    async def left_behind(self, age: timedelta) -> list[tuple[AgentRow, DeploymentRow]]:
        """Deployments of which nothing was heard for `age`, with their agents; later ones replaced none.

        The agent's row need not point to it: what its workflow told meanwhile is about the one before.
        """
        later = aliased(DeploymentRow)
        statement = (
            select(AgentRow, DeploymentRow)
            .join(DeploymentRow, DeploymentRow.agent_id == AgentRow.id)
            .where(
                ~exists().where(later.agent_id == AgentRow.id, later.created_at > DeploymentRow.created_at),
                *_unheard_for(age),
            )
            .order_by(DeploymentRow.created_at)
            .limit(_MOST)
        )
        return [(agent, deployment) for agent, deployment in await self._db_session.execute(statement)]


def _unheard_for(age: timedelta) -> tuple[ColumnElement[bool], ...]:
    return (
        DeploymentRow.sequence == FIRST,
        DeploymentRow.status == Status.VALIDATING,
        DeploymentRow.created_at < func.now() - age,
    )
