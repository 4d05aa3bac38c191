"""An agent comes to its call: it is noted as the one that speaks, unless another one does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import array, insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.causes import Cause
from common.events import EventKind
from common.status import CallStatus
from db.models import CallEventRow, CallRow
from db.ready import ready
from db.repositories.calls import OPEN
from db.repositories.events import told
from db.repositories.transcripts import PLATFORM


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
    job_id: str | None = None
    """LiveKit's: it may send two agents by one dispatch, the second one after it was started again."""


@dataclass(frozen=True)
class Begun:
    """What the record says of an agent that joined."""

    call_id: UUID
    """Another than the agent's own where the room was known."""
    stale: bool = False
    """Another agent has taken over since, or is there by the same dispatch, or an operator has ended the
    call: this one has no business in the room."""


class JoiningRepository:
    """Writes who speaks for a call."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def taken(self, room: str, attempt: int, job_id: str, host: str, process: str) -> None:
        """A host has the job of a dispatch, and its agent is not with the caller yet."""
        statement = (
            update(CallRow)
            .where(CallRow.room == room, CallRow.attempt == attempt, CallRow.status.in_(_UNMET))
            .values(host=host, host_process=process, job_id=job_id)
        )
        await self._db_session.execute(statement.execution_options(synchronize_session=False))

    async def joined(self, agent: JoinedAgent) -> Begun:
        """An agent is in the room: the call is active. Makes the call where no token of ours led to it.

        A call that is over stays over. Of two agents that one dispatch sent, the first speaks for the call.
        """
        asked = vars(agent)
        found = (await self._db_session.execute(_JOINED, asked)).scalar_one_or_none()
        if found is not None:
            return Begun(found)
        named = {name: asked[name] for name in ("room", "attempt", "job_id")}
        call_id, is_stale = (await self._db_session.execute(_IN_ROOM, named)).one()
        return Begun(call_id, is_stale)

    async def gone(self, agent: JoinedAgent) -> None:
        """The agent has left a call that goes on: whoever else its dispatch sent may speak for it."""
        mine = (CallRow.room == agent.room, CallRow.attempt == agent.attempt, CallRow.job_id == agent.job_id)
        # Its host stays: where that is lost before it has told of the job's end, it is found by this.
        statement = update(CallRow).where(*mine).values(job_id=None)
        await self._db_session.execute(statement.execution_options(synchronize_session=False))

    async def ended(self, room: str, attempt: int, job_id: str, *, noted: bool = True) -> bool:
        """The job of a dispatch is over: it holds the call no more. Whether its agent was still to come.

        Of one that may not have been `noted` yet, a call that no job holds is its call.
        """
        mine = CallRow.job_id == job_id
        if not noted:
            mine = or_(mine, and_(CallRow.job_id.is_(None), CallRow.status.in_(_UNMET)))
        statement = (
            update(CallRow)
            .where(CallRow.room == room, CallRow.attempt == attempt, mine)
            .where(CallRow.status.in_(OPEN))
            .values(host=None, host_process=None, job_id=None)
            .returning(CallRow.status)
            .execution_options(synchronize_session=False)
        )
        return (await self._db_session.execute(statement)).scalar_one_or_none() in _UNMET


_UNMET = (CallStatus.WAITING, CallStatus.RECOVERING)
_ROOM, _TRACE, _JOB = (bindparam(name, type_=Text()) for name in ("room", "trace_id", "job_id"))
_ATTEMPT, _VERSION = (bindparam(name, type_=Integer()) for name in ("attempt", "version"))

_HELD_BY_TWIN = and_(
    CallRow.status == CallStatus.ACTIVE,
    CallRow.attempt == _ATTEMPT,
    func.coalesce(CallRow.job_id != _JOB, false()),
)
"""Whether another agent, sent by the same dispatch, speaks for the call."""


def _joined() -> Select[Any]:
    values = {
        "status": literal(CallStatus.ACTIVE),
        "attempt": _ATTEMPT,
        "host": bindparam("host", type_=Text()),
        "host_process": bindparam("process", type_=Text()),
        "job_id": _JOB,
    }
    new = {
        "id": bindparam("call_id", type_=Uuid()),
        "agent_id": bindparam("agent_id", type_=Uuid()),
        "version": _VERSION,
        "room": _ROOM,
    }
    kept = {
        "started_at": func.coalesce(CallRow.started_at, func.now()),
        "trace_id": func.coalesce(CallRow.trace_id, _TRACE),
        "later_trace_ids": _with_trace(),
    }
    open_ = CallRow.status == any_(array([literal(status) for status in OPEN]))
    joined = (
        insert(CallRow)
        .values(**new, **values, started_at=func.now(), trace_id=_TRACE)
        .on_conflict_do_update(
            index_elements=["room"],
            set_=values | kept,
            where=and_(open_, CallRow.attempt <= _ATTEMPT, not_(_HELD_BY_TWIN)),
        )
        .returning(CallRow.id, CallRow.agent_id, CallRow.room, CallRow.attempt)
        .cte("joined")
    )
    before = select(CallRow.status, CallRow.attempt, CallRow.started_at).where(CallRow.room == _ROOM)
    return select(joined.c.id).add_cte(_of_joining(joined, before.cte("before")))


def _of_joining(joined: CTE, before: CTE) -> CTE:
    """The event that an agent is with the caller, unless that was told: the first one, or instead of another.

    `before` is how the call was when the statement began.
    """
    was_there = and_(before.c.status == CallStatus.ACTIVE, before.c.attempt == _ATTEMPT)
    found = select(CallEventRow.data).where(
        CallEventRow.call_id == joined.c.id,
        CallEventRow.attempt == _ATTEMPT,
        CallEventRow.number == PLATFORM,
    )
    loss = found.scalar_subquery()
    first, cause = before.c.started_at.is_(None), loss["cause"].astext
    return told(
        "news",
        joined.outerjoin(before, true()),
        kind=case((first, literal(EventKind.CALL_STARTED)), else_=literal(EventKind.CALL_RECOVERED)),
        agent_id=joined.c.agent_id,
        call_id=joined.c.id,
        data={
            "version": _VERSION,
            "room": joined.c.room,
            "attempt": joined.c.attempt,
            "reason": loss["reason"],
            "cause": case((first, cause), else_=func.coalesce(cause, literal(Cause.RETURNED.value))),
        },
        where=was_there.is_not(true()),
    )


def _with_trace() -> ColumnElement[list[str]]:
    """A call's later traces, and with them one that is not the first."""
    later = CallRow.later_trace_ids
    known = or_(
        _TRACE.is_(None), CallRow.trace_id.is_(None), CallRow.trace_id == _TRACE, any_(later) == _TRACE
    )
    return case((known, later), else_=func.array_append(later, _TRACE))


_JOINED = ready(_joined())
_IN_ROOM = ready(
    select(CallRow.id, or_(CallRow.attempt > _ATTEMPT, _HELD_BY_TWIN, CallRow.shut_at.is_not(None))).where(
        CallRow.room == _ROOM
    )
)
