"""Queries on deployments, their transitions and their replicas."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import CTE, and_, exists, func, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.errors import NotFound
from common.events import DEPLOYMENT, EventKind
from common.status import Status
from db.models import AgentRow, DeploymentKind, DeploymentRow, EventRow, ReplicaRow, TransitionRow
from db.models.base import NOT_OVER
from db.repositories.events import MOST_REASON, reason_of, told

FIRST = 1
"""Number of the transition that is written together with the deployment itself."""


@dataclass(frozen=True)
class NewTransition:
    """One change of status, as the workflow tells it."""

    sequence: int
    at: datetime
    status: Status
    actor: str
    reason: str | None
    attempt: int


@dataclass(frozen=True)
class AgentView:
    """How an agent is on the whole, as its workflow tells it."""

    sequence: int
    status: Status
    live_version: int | None
    live_deployment_id: UUID | None
    deployment_id: UUID
    last_error: str | None
    canary_version: int | None = None
    canary_deployment_id: UUID | None = None
    canary_percent: float | None = None


@dataclass(frozen=True)
class ReplicaState:
    """How a replica is, as its agent's workflow tells it."""

    id: str
    sequence: int
    deployment_id: UUID
    version: int
    number: int
    status: Status
    attempt: int
    host: str | None
    worker_id: str | None
    reason: str | None


_OF_A_TRANSITION = (
    TransitionRow.deployment_id,
    TransitionRow.sequence,
    TransitionRow.status,
    TransitionRow.at,
    TransitionRow.actor,
    TransitionRow.reason,
    TransitionRow.attempt,
)
_OF_THE_MOMENT = ("status", "at", "actor", "reason", "attempt")
_OF_A_REPLICA = [each.name for each in fields(ReplicaState) if each.name != "id"]


class DeploymentRepository:
    """Reads and writes deployments."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def create(
        self,
        agent: AgentRow,
        deployment_id: UUID,
        version: int,
        replicas: int,
        actor: str,
        kind: DeploymentKind = DeploymentKind.DEPLOY,
        canary: list[dict[str, float]] | None = None,
        drain_seconds: float | None = None,
        note: str | None = None,
    ) -> tuple[DeploymentRow, TransitionRow]:
        """A new deployment and its first transition, which tells why it was asked for (`note`).

        Its workflow goes on. The agent must be locked.
        """
        row = DeploymentRow(
            id=deployment_id,
            agent_id=agent.id,
            version=version,
            replicas=replicas,
            kind=kind,
            canary=canary,
            drain_seconds=drain_seconds,
            status=Status.VALIDATING,
            reason=None,
            actor=actor,
            attempt=1,
            sequence=FIRST,
        )
        self._db_session.add(row)
        await self._db_session.flush()
        first = TransitionRow(
            deployment_id=deployment_id,
            sequence=FIRST,
            status=Status.VALIDATING,
            at=datetime.now(UTC),
            actor=actor,
            reason=note,
            attempt=1,
        )
        self._db_session.add(first)
        news = EventRow(
            kind=EventKind.DEPLOYMENT_VALIDATING,
            agent_id=agent.id,
            deployment_id=deployment_id,
            at=first.at,
            data={
                "agentSlug": agent.slug,
                "version": version,
                "kind": kind,
                "status": Status.VALIDATING,
                "reason": note[:MOST_REASON] if note else None,
                "actor": actor,
                "attempt": 1,
            },
        )
        self._db_session.add(news)
        agent.deployment_id = deployment_id
        agent.status = Status.VALIDATING
        agent.last_error = None
        await self._db_session.flush()
        return row, first

    async def get(self, deployment_id: UUID) -> DeploymentRow:
        """One deployment.

        Raises:
            NotFound: there is none.
        """
        row = await self._db_session.get(DeploymentRow, deployment_id)
        if row is None:
            raise NotFound(f"There is no deployment {deployment_id}.")
        return row

    async def transitions(self, deployment_id: UUID) -> list[TransitionRow]:
        """All that happened to a deployment, in order."""
        statement = (
            select(TransitionRow)
            .where(TransitionRow.deployment_id == deployment_id)
            .order_by(TransitionRow.sequence)
        )
        return list((await self._db_session.execute(statement)).scalars())

    async def note(self, deployment_id: UUID) -> str | None:
        """Why somebody asked for it, in their words: the reason of its first transition."""
        statement = select(TransitionRow.reason).where(
            TransitionRow.deployment_id == deployment_id, TransitionRow.sequence == FIRST
        )
        return (await self._db_session.execute(statement)).scalar_one_or_none()

    async def record(self, deployment_id: UUID, transitions: list[NewTransition]) -> int | None:
        """Write transitions, in order; the same ones again change nothing.

        Returns the deployment's version when they were news.
        """
        if not transitions:
            return None
        await self.tell(deployment_id, transitions)
        newest = transitions[-1]
        statement = (
            update(DeploymentRow)
            .where(DeploymentRow.id == deployment_id, DeploymentRow.sequence < newest.sequence)
            .values(
                status=newest.status, reason=newest.reason, attempt=newest.attempt, sequence=newest.sequence
            )
            .returning(DeploymentRow.version)
            .execution_options(synchronize_session=False)
        )
        return (await self._db_session.execute(statement)).scalar_one_or_none()

    async def tell(self, deployment_id: UUID, transitions: list[NewTransition]) -> None:
        """Write transitions with their events, and not how the deployment is now; again, they change nothing.

        While the deployment stands at its first one, others take the place of what was said for want of a
        workflow: there is one after all.
        """
        insertion = insert(TransitionRow)
        fresh = insertion.excluded
        another = TransitionRow.reason.is_distinct_from(fresh.reason)
        changed = or_(
            TransitionRow.status != fresh.status, and_(TransitionRow.status == Status.FAILED, another)
        )
        untold = exists().where(DeploymentRow.id == deployment_id, DeploymentRow.sequence == FIRST)
        written = insertion.values(
            [{"deployment_id": deployment_id} | vars(new) for new in transitions]
        ).on_conflict_do_update(
            index_elements=["deployment_id", "sequence"],
            set_={name: fresh[name] for name in _OF_THE_MOMENT},
            where=and_(changed, untold),
        )
        new = written.returning(*_OF_A_TRANSITION).cte("new")
        await self._db_session.execute(select(new.c.sequence).add_cte(_of_transitions(new)))

    async def show_agent(self, agent_id: UUID, view: AgentView) -> None:
        """Write how the agent is on the whole, unless something newer is written already."""
        statement = (
            update(AgentRow)
            .where(AgentRow.id == agent_id, AgentRow.sequence < view.sequence)
            .values(vars(view))
            .execution_options(synchronize_session=False)
        )
        await self._db_session.execute(statement)

    async def show_replicas(self, agent_id: UUID, states: list[ReplicaState]) -> None:
        """Write how replicas are, each unless something newer is written already."""
        if not states:
            return
        new = insert(ReplicaRow).values([{"agent_id": agent_id} | vars(state) for state in states])
        statement = new.on_conflict_do_update(
            index_elements=["id"],
            set_={name: new.excluded[name] for name in _OF_A_REPLICA} | {"updated_at": func.now()},
            where=ReplicaRow.sequence < new.excluded.sequence,
        )
        await self._db_session.execute(statement)

    async def replicas(self, agent_id: UUID) -> tuple[int, list[ReplicaState]]:
        """The highest number that a replica of the agent ever had, and the replicas that are not over."""
        number = select(func.coalesce(func.max(ReplicaRow.number), 0)).where(ReplicaRow.agent_id == agent_id)
        left = select(*(getattr(ReplicaRow, each.name) for each in fields(ReplicaState))).where(
            ReplicaRow.agent_id == agent_id, text(f"replicas.{NOT_OVER}")
        )
        highest = (await self._db_session.execute(number)).scalar_one()
        rows = (await self._db_session.execute(left)).mappings()
        return highest, [ReplicaState(**{**row, "status": Status(row["status"])}) for row in rows]


def _of_transitions(new: CTE) -> CTE:
    """The events of transitions, in their order."""
    return told(
        "news",
        new.join(DeploymentRow, DeploymentRow.id == new.c.deployment_id),
        kind=literal(f"{DEPLOYMENT}.") + new.c.status,
        at=new.c.at,
        agent_id=DeploymentRow.agent_id,
        deployment_id=new.c.deployment_id,
        data={
            "version": DeploymentRow.version,
            "kind": DeploymentRow.kind,
            "status": new.c.status,
            "reason": reason_of(new.c.reason),
            "actor": new.c.actor,
            "attempt": new.c.attempt,
        },
        order_by=new.c.sequence,
    )
