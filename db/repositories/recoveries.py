"""Queries on who speaks for a call: the agent that joined last, and the one that takes over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.errors import NotFound
from common.status import CallStatus
from db.models import AgentRow, CallRow
from db.repositories.calls import OPEN
from db.repositories.transcripts import PLATFORM, CallEvent, TranscriptRepository

LOST = "lost"
"""The event that a call needs another agent, and why."""


@dataclass(frozen=True)
class JoinedAgent:
    """An agent that is in a room."""

    call_id: UUID
    agent_id: UUID
    version: int
    room: str
    attempt: int = 1
    trace_id: str | None = None
    host: str | None = None
    process: str | None = None
    """Of the host."""


@dataclass(frozen=True)
class Begun:
    """What the record says of an agent that joined."""

    call_id: UUID
    """Another than the agent's own where the room was known."""
    stale: bool = False
    """Another agent has taken over since: this one has no business in the room."""


@dataclass(frozen=True)
class Loss:
    """Why a call needs another agent."""

    attempt: int
    """The dispatch whose agent is lost, or did not come."""
    reason: str
    crashed: bool = False
    """Whether it is the agent's own fault, and not its host's."""


@dataclass(frozen=True)
class CarriedCall:
    """An open call, and the dispatch that speaks for it."""

    call_id: UUID
    agent_id: UUID
    slug: str
    room: str
    attempt: int


class RecoveryRepository:
    """Reads and writes who speaks for a call."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def joined(self, agent: JoinedAgent) -> Begun:
        """An agent is in the room: the call is active. Makes the call where no token of ours led to it.

        A call that is over stays over.
        """
        values = {
            "status": CallStatus.ACTIVE,
            "attempt": agent.attempt,
            "host": agent.host,
            "host_process": agent.process,
        }
        new = {
            "id": agent.call_id,
            "agent_id": agent.agent_id,
            "version": agent.version,
            "room": agent.room,
        }
        statement = insert(CallRow).values(**new, **values, started_at=func.now(), trace_id=agent.trace_id)
        kept = {
            "started_at": func.coalesce(CallRow.started_at, func.now()),
            "trace_id": func.coalesce(CallRow.trace_id, agent.trace_id),
        }
        statement = statement.on_conflict_do_update(
            index_elements=["room"],
            set_=values | kept,
            where=CallRow.status.in_(OPEN) & (CallRow.attempt <= agent.attempt),
        )
        found = (await self._db_session.execute(statement.returning(CallRow.id))).scalar_one_or_none()
        if found is not None:
            return Begun(found)
        known = select(CallRow.id, CallRow.attempt).where(CallRow.room == agent.room)
        call_id, attempt = (await self._db_session.execute(known)).one()
        return Begun(call_id, stale=attempt > agent.attempt)

    async def take_over(self, call_id: UUID, loss: Loss, at: datetime) -> CallRow | None:
        """Another agent shall speak for the call; None where it is over, or another one does already.

        What was being said becomes a turn that was cut off. From now on the lost agent has no say.
        """
        statement = (
            update(CallRow)
            .where(CallRow.id == call_id, CallRow.status.in_(OPEN), CallRow.attempt == loss.attempt)
            .values(
                attempt=CallRow.attempt + 1,
                status=CallStatus.RECOVERING,
                crashes=CallRow.crashes + int(loss.crashed),
                host=None,
                host_process=None,
            )
            .returning(CallRow)
            .execution_options(synchronize_session=False)
        )
        row = (await self._db_session.execute(statement)).scalar_one_or_none()
        if row is None:
            return None
        transcripts = TranscriptRepository(self._db_session)
        await transcripts.keep_drafts(call_id)
        data = {"reason": loss.reason, "attempt": loss.attempt, "crashed": loss.crashed}
        await transcripts.add_events(call_id, row.attempt, [CallEvent(PLATFORM, LOST, at, data)])
        return row

    async def call(self, call_id: UUID) -> CallRow:
        """One call, as it is now.

        Raises:
            NotFound: there is none.
        """
        statement = select(CallRow).where(CallRow.id == call_id).execution_options(populate_existing=True)
        row = (await self._db_session.execute(statement)).scalar_one_or_none()
        if row is None:
            raise NotFound(f"There is no call {call_id}.")
        return row

    async def in_room(self, room: str) -> CarriedCall | None:
        """The open call of a room."""
        statement = _carried().where(CallRow.room == room)
        row = (await self._db_session.execute(statement)).one_or_none()
        return CarriedCall(*row) if row else None

    async def on_host(self, host: str, process: str, *, gone: bool) -> Sequence[CarriedCall]:
        """The open calls that a host holds: of its process `process`, which is `gone`, or of any other."""
        statement = _carried().where(CallRow.host == host)
        if gone:
            statement = statement.where(CallRow.host_process == process)
        else:
            others = or_(CallRow.host_process.is_(None), CallRow.host_process != process)
            statement = statement.where(others)
        return [CarriedCall(*row) for row in await self._db_session.execute(statement)]


def _carried() -> Select[UUID, UUID, str, str, int]:
    return (
        select(CallRow.id, CallRow.agent_id, AgentRow.slug, CallRow.room, CallRow.attempt)
        .join(AgentRow, AgentRow.id == CallRow.agent_id)
        .where(CallRow.status.in_(OPEN))
    )
