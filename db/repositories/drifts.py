"""What Postgres tells of what should run, many agents at a time: one side of the reconciler's comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, text, true, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from common.status import CallStatus, Status
from db.models import AgentRow, CallRow, DeploymentRow, ReplicaRow
from db.models.base import NOT_OVER
from db.repositories.deployments import FIRST


@dataclass(frozen=True)
class ToldAgent:
    """An agent as it is told of."""

    id: UUID
    status: str
    sequence: int
    deployment_id: UUID | None
    live_deployment_id: UUID | None
    on_trial: bool
    deployment_status: str | None
    """Of the deployment that it is about."""
    wanted: int
    """Replicas of the live deployment."""
    replicas: dict[str, str] = field(default_factory=dict)
    """Those that are not over, and the status of each."""

    @property
    def should_run(self) -> bool:
        """Whether a workflow must be there for it."""
        return self.live_deployment_id is not None or not Status(self.status).terminal


@dataclass(frozen=True)
class Unheard:
    """A deployment that is not over, and that is not what its agent is about."""

    id: UUID
    agent_id: UUID


@dataclass(frozen=True)
class OpenCall:
    """A call that goes on, and where its room should be."""

    id: UUID
    agent_id: UUID
    room: str
    deployment_id: UUID | None
    """The newest placed deployment of its version when it began; None: the platform's server."""
    server: tuple[str, str] | None
    """URL and API key of that deployment's LiveKit."""


class DriftRepository:
    """Reads what is to be compared."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def agents(self, after: UUID | None, limit: int) -> list[ToldAgent]:
        """A page of agents by id, drafts included, with their replicas."""
        live = aliased(DeploymentRow)
        statement = (
            select(
                AgentRow.id,
                AgentRow.status,
                AgentRow.sequence,
                AgentRow.deployment_id,
                AgentRow.live_deployment_id,
                AgentRow.canary_deployment_id.is_not(None),
                DeploymentRow.status,
                func.coalesce(live.replicas, 0),
            )
            .outerjoin(DeploymentRow, DeploymentRow.id == AgentRow.deployment_id)
            .outerjoin(live, live.id == AgentRow.live_deployment_id)
            .order_by(AgentRow.id)
            .limit(limit)
        )
        if after:
            statement = statement.where(AgentRow.id > after)
        found = [ToldAgent(*row) for row in await self._db_session.execute(statement)]
        if found:
            await self._add_replicas(found)
        return found

    async def _add_replicas(self, agents: list[ToldAgent]) -> None:
        by_id = {agent.id: agent for agent in agents}
        statement = select(ReplicaRow.agent_id, ReplicaRow.id, ReplicaRow.status).where(
            ReplicaRow.agent_id.between(agents[0].id, agents[-1].id), text(f"replicas.{NOT_OVER}")
        )
        for agent_id, replica_id, status in await self._db_session.execute(statement):
            if agent_id in by_id:
                by_id[agent_id].replicas[replica_id] = status

    async def replicas(self, agent_id: UUID) -> dict[str, ReplicaRow]:
        """The replicas of an agent that are not over, by id."""
        statement = select(ReplicaRow).where(ReplicaRow.agent_id == agent_id, text(f"replicas.{NOT_OVER}"))
        return {row.id: row for row in (await self._db_session.execute(statement)).scalars()}

    async def end_replica(self, replica_id: str, reason: str) -> None:
        """A replica is over, and no workflow is there to tell it."""
        over = update(ReplicaRow).where(ReplicaRow.id == replica_id, text(f"replicas.{NOT_OVER}"))
        values = {"status": Status.STOPPED, "reason": reason}
        await self._db_session.execute(over.values(values).execution_options(synchronize_session=False))

    async def unheard(self, age: timedelta, limit: int) -> list[Unheard]:
        """Deployments older than `age` that are not over, and that their agents are not about."""
        about = (AgentRow.deployment_id, AgentRow.live_deployment_id, AgentRow.canary_deployment_id)
        untaken = and_(DeploymentRow.sequence == FIRST, DeploymentRow.status == Status.VALIDATING)
        statement = (
            select(DeploymentRow.id, DeploymentRow.agent_id)
            .join(AgentRow, AgentRow.id == DeploymentRow.agent_id)
            .where(
                text(f"deployments.{NOT_OVER}"),
                or_(untaken, and_(*(column.is_distinct_from(DeploymentRow.id) for column in about))),
                DeploymentRow.created_at < func.now() - age,
            )
            .order_by(DeploymentRow.created_at)
            .limit(limit)
        )
        return [Unheard(*row) for row in await self._db_session.execute(statement)]

    async def newest_deployment(self, agent_id: UUID) -> DeploymentRow | None:
        """The last one that somebody asked for."""
        statement = (
            select(DeploymentRow)
            .where(DeploymentRow.agent_id == agent_id)
            .order_by(DeploymentRow.created_at.desc())
            .limit(1)
        )
        return (await self._db_session.execute(statement)).scalar_one_or_none()

    async def open_calls(
        self, age: timedelta, after: UUID | None, limit: int, only: Sequence[UUID] | None = None
    ) -> list[OpenCall]:
        """A page of calls by id that an agent was in more than `age` ago and that go on; of `only` those."""
        # Said outright and not as a parameter, so that the index on open calls is used.
        going_on = text(f"calls.status IN ('{CallStatus.ACTIVE}', '{CallStatus.RECOVERING}')")
        return await self._calls(and_(going_on, CallRow.started_at < func.now() - age), after, limit, only)

    async def unmet_calls(
        self, age: timedelta, after: UUID | None, limit: int, only: Sequence[UUID] | None = None
    ) -> list[OpenCall]:
        """The same of calls to which nobody has come, as far as LiveKit told, made more than `age` ago."""
        waiting = text(f"calls.status = '{CallStatus.WAITING}'")
        unseen = (CallRow.caller_joined_at.is_(None), CallRow.created_at < func.now() - age)
        return await self._calls(and_(waiting, *unseen), after, limit, only)

    async def _calls(
        self, which: ColumnElement[bool], after: UUID | None, limit: int, only: Sequence[UUID] | None
    ) -> list[OpenCall]:
        placed = (
            select(DeploymentRow.id, DeploymentRow.livekit)
            .where(
                DeploymentRow.agent_id == CallRow.agent_id,
                DeploymentRow.version == CallRow.version,
                DeploymentRow.livekit.is_not(None),
                DeploymentRow.created_at <= CallRow.created_at,
            )
            .order_by(DeploymentRow.created_at.desc())
            .limit(1)
            .lateral()
        )
        statement = (
            select(CallRow.id, CallRow.agent_id, CallRow.room, placed.c.id, placed.c.livekit)
            .outerjoin(placed, true())
            .where(which)
            .order_by(CallRow.id)
            .limit(limit)
        )
        if after:
            statement = statement.where(CallRow.id > after)
        if only is not None:
            statement = statement.where(CallRow.id.in_(only))
        return [
            OpenCall(call_id, agent_id, room, placed_id, (place["url"], place["apiKey"]) if place else None)
            for call_id, agent_id, room, placed_id, place in await self._db_session.execute(statement)
        ]
