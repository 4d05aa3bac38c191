"""Queries on who speaks for a call: the agent that joined last, and the one that takes over."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Interval,
    Select,
    case,
    func,
    literal,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.causes import Cause
from common.events import EventKind
from common.status import CallStatus, Status
from db.models import AgentRow, CallEventRow, CallRow, ReplicaRow
from db.repositories.calls import OPEN
from db.repositories.causes import CauseRepository
from db.repositories.events import MOST_REASON, told
from db.repositories.transcripts import PLATFORM, CallEvent, TranscriptRepository

LOST = "lost"
"""The event that a call needs another agent, and why."""

JOINED = "joined"
"""The event that an agent is in a call, and of which version."""

NO_AGENT = "no_agent"
"""The event that a caller was told that no agent comes."""


_GONE = (Status.STOPPED, Status.FAILED)
_Carried = Select[UUID, UUID, str, str, int, str, str | None]


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
    status: str
    job_id: str | None
    """LiveKit's job of the agent that speaks for it, or is on its way, as far as that was told."""

    def is_held_by_another(self, attempt: int, job_id: str | None) -> bool:
        """Whether an agent is there that the same dispatch sent as this job: LiveKit may send two."""
        return self.attempt == attempt and self.job_id not in {None, job_id}


class RecoveryRepository:
    """Reads and writes who speaks for a call."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def take_over(self, call_id: UUID, loss: Loss, at: datetime) -> CallRow | None:
        """Another agent shall speak for the call; None where it is over, or another one does already.

        What was being said becomes a turn that was cut off. From now on the lost agent has no say.
        """
        status = select(CallRow.status).where(CallRow.id == call_id).with_for_update()
        was_there = (await self._db_session.execute(status)).scalar() == CallStatus.ACTIVE
        statement = (
            update(CallRow)
            .where(CallRow.id == call_id, CallRow.status.in_(OPEN), CallRow.attempt == loss.attempt)
            .values(
                attempt=CallRow.attempt + 1,
                status=CallStatus.RECOVERING,
                crashes=CallRow.crashes + int(loss.crashed),
                host=None,
                host_process=None,
                job_id=None,
            )
            .returning(CallRow)
            .execution_options(synchronize_session=False)
        )
        row = (await self._db_session.execute(statement)).scalar_one_or_none()
        if row is None:
            return None
        transcripts = TranscriptRepository(self._db_session)
        await transcripts.keep_drafts(call_id)
        cause = Cause.CRASHED if loss.crashed else Cause.LOST if was_there else Cause.NO_SHOW
        data = {"reason": loss.reason, "attempt": loss.attempt, "crashed": loss.crashed, "cause": cause}
        await transcripts.add_events(call_id, row.attempt, [CallEvent(PLATFORM, LOST, at, data)])
        return row

    async def unanswered(
        self, call: CallRow, reason: str, tries: int, *, over: bool, cause: Cause | None = None
    ) -> None:
        """No agent has come to a caller after so many were sent; where it is `over`, no more are. Said again,
        it is said once. The `cause` is looked for, unless it is known.
        """
        cause = cause or await self._cause(call)
        event = {"number": -tries, "kind": NO_AGENT, "at": func.now()}
        statement = insert(CallEventRow).values(
            call_id=call.id,
            attempt=call.attempt,
            data={"reason": reason, "cause": cause, "tries": tries},
            **event,
        )
        noted = statement.on_conflict_do_nothing().returning(CallEventRow.call_id).cte("noted")
        news = told(
            "news",
            noted,
            kind=EventKind.CALL_UNANSWERED,
            agent_id=literal(call.agent_id),
            call_id=noted.c.call_id,
            data={
                "reason": literal(reason[:MOST_REASON]),
                "cause": literal(cause.value),
                "tries": literal(tries),
                "over": literal(over),
            },
        )
        await self._db_session.execute(select(noted.c.call_id).add_cte(news))

    async def _cause(self, call: CallRow) -> Cause:
        """Why no agent comes: for want of something, else for what became of the last one."""
        finishing = await self.finishing(call) is not None
        want = await CauseRepository(self._db_session).of_want(call, finishing=finishing)
        last = select(CallEventRow.data["cause"].astext).where(*_of(call, LOST))
        newest = last.order_by(CallEventRow.attempt.desc()).limit(1)
        said = None if want else (await self._db_session.execute(newest)).scalar_one_or_none()
        return want or (Cause(said) if said else Cause.NO_SHOW)

    async def in_room(self, room: str) -> CarriedCall | None:
        """The open call of a room."""
        statement = _carried().where(CallRow.room == room)
        row = (await self._db_session.execute(statement)).one_or_none()
        return CarriedCall(*row) if row else None

    async def of_room(self, room: str) -> CarriedCall | None:
        """The call of a room, open or over."""
        row = (await self._db_session.execute(_known().where(CallRow.room == room))).one_or_none()
        return CarriedCall(*row) if row else None

    async def without_agent(
        self, age: timedelta, limit: int, only: Sequence[UUID] | None = None
    ) -> Sequence[CarriedCall]:
        """Open calls, of `only` those, whose caller came more than `age` ago, by what LiveKit told, and is
        there still, and to whom no agent has come yet, or none again; the oldest first."""
        statement = _waiting(limit).where(CallRow.caller_joined_at < func.now() - age)
        if only is not None:
            statement = statement.where(CallRow.id.in_(only))
        return [CarriedCall(*row) for row in await self._db_session.execute(statement)]

    async def waiting_for(
        self, agents: Collection[UUID], limit: int
    ) -> Sequence[tuple[CarriedCall, int | None]]:
        """The open calls of these agents whose caller waits for one, with the version that they would be sent
        now; the oldest first."""
        own = (CallRow.version == AgentRow.canary_version, CallRow.version)
        wanted = case(own, else_=func.coalesce(AgentRow.live_version, CallRow.version))
        statement = _waiting(limit).where(CallRow.agent_id.in_(agents)).add_columns(wanted)
        return [(CarriedCall(*row[:-1]), row[-1]) for row in await self._db_session.execute(statement)]

    async def finishing(self, call: CallRow) -> int | None:
        """The version whose agent spoke last in a call, while it has a host, or is about to."""
        spoke = select(CallEventRow.data["version"].as_integer()).where(*_of(call, JOINED))
        newest = spoke.order_by(CallEventRow.attempt.desc()).limit(1).scalar_subquery()
        version = ReplicaRow.version == func.coalesce(newest, call.version)
        there = (ReplicaRow.agent_id == call.agent_id, ReplicaRow.status.not_in(_GONE))
        statement = select(ReplicaRow.version).where(version, *there).limit(1)
        return (await self._db_session.execute(statement)).scalar_one_or_none()

    async def alone(self, call: CallRow) -> timedelta | None:
        """For how long a call has been without an agent since it lost the one that was there last; None where
        it has not."""
        joined = select(func.max(CallEventRow.attempt)).where(*_of(call, JOINED)).scalar_subquery()
        since = func.min(CallEventRow.at)
        statement = select(type_coerce(func.now() - since, Interval())).where(
            *_of(call, LOST), CallEventRow.attempt > joined
        )
        return (await self._db_session.execute(statement)).scalar_one_or_none()

    async def on_host(self, host: str, process: str, *, gone: bool) -> Sequence[CarriedCall]:
        """The open calls that a host holds: of its process `process`, which is `gone`, or of any other."""
        statement = _carried().where(CallRow.host == host)
        if gone:
            statement = statement.where(CallRow.host_process == process)
        else:
            others = or_(CallRow.host_process.is_(None), CallRow.host_process != process)
            statement = statement.where(others)
        return [CarriedCall(*row) for row in await self._db_session.execute(statement)]


def _of(call: CallRow, kind: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return CallEventRow.call_id == call.id, CallEventRow.kind == kind


def _carried() -> _Carried:
    return _known().where(CallRow.status.in_(OPEN))


def _waiting(limit: int) -> _Carried:
    unmet = CallRow.status.in_([CallStatus.WAITING, CallStatus.RECOVERING])
    there = (CallRow.caller_joined_at.is_not(None), CallRow.caller_left_at.is_(None))
    return _known().where(unmet, *there).order_by(CallRow.caller_joined_at).limit(limit)


def _known() -> _Carried:
    call = (CallRow.room, CallRow.attempt, CallRow.status, CallRow.job_id)
    statement = select(CallRow.id, CallRow.agent_id, AgentRow.slug, *call)
    return statement.join(AgentRow, AgentRow.id == CallRow.agent_id)
