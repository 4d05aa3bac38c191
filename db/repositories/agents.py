"""Queries on agents and their versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Select, and_, delete, func, or_, select, text, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from common.errors import Conflict, NotFound
from common.status import CallStatus, Status
from db.crypto import SecretBox
from db.models import AgentRow, AgentVersionRow, CallRow, DeploymentRow, ReplicaRow
from db.models.call import IS_OPEN
from db.repositories.counting import CountingRepository
from db.repositories.pages import Cursor, Page


@dataclass(frozen=True)
class StoredConfig:
    """A config as it lies in the database: its public JSON, and its secrets by JSON pointer, in clear."""

    public: dict[str, Any]
    secrets: dict[str, str]

    def __repr__(self) -> str:
        return f"StoredConfig(secrets of {sorted(self.secrets)})"


@dataclass(frozen=True)
class AgentOverview:
    """An agent with the live figures that lists show."""

    agent: AgentRow
    desired: int
    ready: int
    active_calls: int
    calls_today: int


class AgentRepository:
    """Reads and writes agents."""

    def __init__(self, db_session: AsyncSession, box: SecretBox) -> None:
        self._db_session = db_session
        self._box = box

    async def create(
        self, name: str, slug: str, config: StoredConfig, agent_id: UUID | None = None
    ) -> AgentRow:
        """A new agent in state draft.

        Raises:
            Conflict: another agent has the slug.
        """
        agent_id = agent_id or uuid4()
        sealed = self._box.seal_map(config.secrets, _draft_row(agent_id))
        row = AgentRow(id=agent_id, name=name, slug=slug, draft=config.public, draft_secrets=sealed)
        self._db_session.add(row)
        try:
            await self._db_session.flush()
        except IntegrityError:
            raise Conflict(
                f"There is an agent with the slug “{slug}” already. Choose another slug."
            ) from None
        await self._db_session.refresh(row)
        return row

    async def find(self, id_or_slug: str) -> AgentRow | None:
        """The agent with this id or slug."""
        try:
            condition = AgentRow.id == UUID(id_or_slug)
        except ValueError:
            condition = AgentRow.slug == id_or_slug
        return (await self._db_session.execute(select(AgentRow).where(condition))).scalar_one_or_none()

    async def get(self, id_or_slug: str, *, lock: bool = False) -> AgentRow:
        """The agent with this id or slug; `lock` makes other writers of it wait.

        Raises:
            NotFound: there is none.
        """
        row = await self.find(id_or_slug)
        if row is None:
            raise NotFound(f"There is no agent “{id_or_slug}”.")
        if lock:
            await self._db_session.refresh(row, with_for_update=True)
        return row

    async def overview(self, agent: AgentRow) -> AgentOverview:
        """`agent` with its live figures."""
        statement = _overviews().where(AgentRow.id == agent.id)
        return AgentOverview(*(await self._db_session.execute(statement)).one())

    async def replicas(self, agent: AgentRow) -> Sequence[ReplicaRow]:
        """The agent's replicas that have not ended, and those that failed of what should run now."""
        wanted = (agent.deployment_id, agent.live_deployment_id)
        failed_now = and_(ReplicaRow.status == Status.FAILED, ReplicaRow.deployment_id.in_(wanted))
        statement = (
            select(ReplicaRow)
            .where(ReplicaRow.agent_id == agent.id)
            .where(or_(ReplicaRow.status.not_in([Status.STOPPED, Status.FAILED]), failed_now))
            .order_by(ReplicaRow.number)
        )
        return (await self._db_session.execute(statement)).scalars().all()

    async def list(self, cursor: Cursor | None, limit: int) -> Page[AgentOverview]:
        """A page of agents, newest first, with live figures."""
        statement = _overviews().order_by(AgentRow.created_at.desc(), AgentRow.id.desc()).limit(limit + 1)
        if cursor:
            statement = statement.where(
                tuple_(AgentRow.created_at, AgentRow.id) < tuple_(cursor.created_at, cursor.id)
            )
        rows = [AgentOverview(*row) for row in await self._db_session.execute(statement)]
        more = len(rows) > limit
        rows = rows[:limit]
        last = rows[-1].agent if more else None
        return Page(rows, Cursor(last.created_at, last.id).encode() if last else None)

    def draft(self, agent: AgentRow) -> StoredConfig:
        """The agent's draft, secrets in clear."""
        return StoredConfig(agent.draft, self._box.open_map(agent.draft_secrets, _draft_row(agent.id)))

    def write_draft(self, agent: AgentRow, config: StoredConfig) -> None:
        """Replace the agent's draft."""
        agent.draft = config.public
        agent.draft_secrets = self._box.seal_map(config.secrets, _draft_row(agent.id))

    async def publish(self, agent: AgentRow, author: str, note: str | None = None) -> AgentVersionRow:
        """The newest version, made from the draft if the draft differs from it. The agent must be locked."""
        newest = await self._newest_version(agent.id)
        draft = self.draft(agent)
        if newest is not None and self.version_config(newest) == draft:
            return newest
        version_id = uuid4()
        row = AgentVersionRow(
            id=version_id,
            agent_id=agent.id,
            number=newest.number + 1 if newest else 1,
            config=draft.public,
            secrets=self._box.seal_map(draft.secrets, _version_row(version_id)),
            author=author,
            note=note,
        )
        self._db_session.add(row)
        await self._db_session.flush()
        return row

    async def _newest_version(self, agent_id: UUID) -> AgentVersionRow | None:
        statement = (
            select(AgentVersionRow)
            .where(AgentVersionRow.agent_id == agent_id)
            .order_by(AgentVersionRow.number.desc())
            .limit(1)
        )
        return (await self._db_session.execute(statement)).scalar_one_or_none()

    async def version(self, agent_id: UUID, number: int) -> AgentVersionRow:
        """One version.

        Raises:
            NotFound: the agent has no such version.
        """
        statement = select(AgentVersionRow).where(
            AgentVersionRow.agent_id == agent_id, AgentVersionRow.number == number
        )
        row = (await self._db_session.execute(statement)).scalar_one_or_none()
        if row is None:
            raise NotFound(f"The agent has no version {number}.")
        return row

    def version_config(self, version: AgentVersionRow) -> StoredConfig:
        """The version's config, secrets in clear."""
        return StoredConfig(version.config, self._box.open_map(version.secrets, _version_row(version.id)))

    async def delete(self, agent: AgentRow) -> None:
        """Delete the agent with its versions, deployments and calls.

        Raises:
            Conflict: it is deployed, or a version of it still holds calls.
        """
        if not Status(agent.status).terminal:
            raise Conflict(f"“{agent.slug}” is {agent.status}. Stop it first, then delete it.")
        held = select(func.count()).where(
            ReplicaRow.agent_id == agent.id, ReplicaRow.status.not_in([Status.STOPPED, Status.FAILED])
        )
        if (await self._db_session.execute(held)).scalar_one():
            raise Conflict(f"A version of “{agent.slug}” still drains. Stop it first, then delete it.")
        # Its calls go with it, and their counts stay.
        await CountingRepository(self._db_session).count_now(CallRow.agent_id == agent.id)
        await self._db_session.execute(delete(AgentRow).where(AgentRow.id == agent.id))


def _draft_row(agent_id: UUID) -> str:
    return f"agents/{agent_id}/draft"


def _version_row(version_id: UUID) -> str:
    return f"agent_versions/{version_id}"


def _overviews() -> Select[AgentRow, int, int, int, int]:
    # By version, not by deployment: a deployment takes over the replicas of its version that fit.
    ready = (
        select(func.count())
        .where(ReplicaRow.agent_id == AgentRow.id, ReplicaRow.status == Status.RUNNING)
        .where(ReplicaRow.version == AgentRow.live_version)
        .scalar_subquery()
    )
    calls = select(func.count()).where(CallRow.agent_id == AgentRow.id)
    active = calls.where(text(IS_OPEN), CallRow.status != CallStatus.WAITING).scalar_subquery()
    today = calls.where(
        CallRow.created_at >= func.date_trunc("day", func.now(), text("'UTC'"))
    ).scalar_subquery()
    desired = (
        select(DeploymentRow.replicas)
        .where(DeploymentRow.id == AgentRow.deployment_id)
        .where(AgentRow.status.not_in([Status.DRAFT, Status.STOPPED]))
        .scalar_subquery()
    )
    return select(AgentRow, func.coalesce(desired, 0), ready, active, today)
