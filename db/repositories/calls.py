"""Queries on calls and turns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    Double,
    Select,
    and_,
    case,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.errors import NotFound
from common.events import EventKind
from common.status import CallStatus
from db.models import CallRow, LiveKitEventRow
from db.repositories.counting import CountingRepository
from db.repositories.events import reason_of, told
from db.repositories.measured import TURNS
from db.repositories.pages import Cursor, Page

OPEN = (CallStatus.WAITING, CallStatus.ACTIVE, CallStatus.RECOVERING)
_MAX_ABANDONED = 500
_AT_THE_END = (
    CallRow.id,
    CallRow.agent_id,
    CallRow.version,
    CallRow.room,
    CallRow.status,
    CallRow.attempt,
    CallRow.started_at,
    CallRow.ended_at,
    CallRow.end_reason,
)


@dataclass(frozen=True)
class CallFilter:
    """Which calls to list; every field narrows."""

    agent_id: UUID | None = None
    status: CallStatus | None = None
    since: datetime | None = None
    until: datetime | None = None


class CallRepository:
    """Reads and writes calls."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def create(
        self,
        call_id: UUID,
        agent_id: UUID,
        version: int,
        *,
        room: str,
        identity: str,
        attributes: dict[str, Any],
    ) -> None:
        """A call whose caller has been given a token and is not there yet."""
        self._db_session.add(
            CallRow(
                id=call_id,
                agent_id=agent_id,
                version=version,
                room=room,
                status=CallStatus.WAITING,
                identity=identity,
                attributes=attributes,
            )
        )
        await self._db_session.flush()

    async def caller_came(
        self, room: str, identity: str, at: datetime, since: datetime | None = None
    ) -> UUID | None:
        """The caller of `room` was there at that time; None where it is somebody else, old news, or a call
        that an operator ended.

        Another call that was over by then goes on: its caller has come back to the room.
        `since`: when they connected, by LiveKit. Where it has told already of the end of that connection, or
        of a newer one, that is what counts.
        """
        over = CallRow.status.not_in(OPEN)
        # Whoever held it before has left: no agent is on its way until a host says so.
        held = {
            column: case((over, None), else_=column)
            for column in (CallRow.host, CallRow.host_process, CallRow.job_id)
        }
        connected = literal(since, CallRow.caller_since.type)
        known = CallRow.caller_since >= connected
        back = held | {
            CallRow.status: case((over, CallStatus.RECOVERING), else_=CallRow.status),
            CallRow.ended_at: None,
            CallRow.end_reason: None,
            CallRow.caller_left_at: case((known, CallRow.caller_left_at), else_=None),
            CallRow.caller_since: func.greatest(CallRow.caller_since, connected),
            CallRow.caller_joined_at: func.coalesce(CallRow.caller_joined_at, func.now()),
        }
        theirs = (
            or_(CallRow.identity == identity, CallRow.identity.is_(None)),
            CallRow.transcript_deleted_at.is_(None),
        )
        goes_on = and_(CallRow.ended_at < at, CallRow.shut_at.is_(None))
        gone = select(CallRow.id).where(CallRow.room == room, *theirs, over, goes_on)
        found = (await self._db_session.execute(gone.with_for_update())).scalar_one_or_none()
        if found:
            await CountingRepository(self._db_session).take_back(found)
        statement = (
            update(CallRow)
            .where(CallRow.room == room, *theirs, or_(not_(over), goes_on))
            .values(back)
            .returning(CallRow.id)
            .execution_options(synchronize_session=False)
        )
        return (await self._db_session.execute(statement)).scalar_one_or_none()

    async def caller_left(self, room: str, identity: str, since: datetime) -> None:
        """The caller of `room` who connected at that time is not there any more; nothing happens for anybody
        else, and where they have come back since."""
        gone = or_(CallRow.caller_since.is_(None), CallRow.caller_since <= since)
        statement = (
            update(CallRow)
            .where(CallRow.room == room, CallRow.identity == identity, gone)
            .values(caller_left_at=func.now(), caller_since=since)
            .execution_options(synchronize_session=False)
        )
        await self._db_session.execute(statement)

    async def is_back(self, room: str, since: datetime) -> bool:
        """Whether the caller of an open call has connected after that moment."""
        back = (CallRow.room == room, CallRow.status.in_(OPEN), CallRow.caller_since > since)
        return (await self._db_session.execute(select(CallRow.id).where(*back))).scalar() is not None

    async def end(
        self,
        room: str,
        reason: str,
        status: CallStatus = CallStatus.ENDED,
        *,
        attempt: int | None = None,
    ) -> bool:
        """Close the call of `room` unless it is closed already; tells whether it was open.

        The reason is the one that was announced, if any. `attempt`: by whose word; an agent that another one
        has taken over from has no say.
        """
        mine = CallRow.attempt <= attempt if attempt else true()
        statement = (
            update(CallRow)
            .where(CallRow.room == room, CallRow.status.in_(OPEN), mine)
            .values(status=status, ended_at=func.now(), end_reason=func.coalesce(CallRow.end_reason, reason))
            .returning(*_AT_THE_END)
        )
        return len(await self._tell_ended(statement.cte("ended"))) > 0

    async def announce_end(self, room: str, reason: str | None) -> None:
        """Say why an operator is about to end the open call of `room`, whoever closes it; None: it goes on,
        after all."""
        open_ = (CallRow.room == room, CallRow.status.in_(OPEN))
        shut_at = func.now() if reason else None
        statement = update(CallRow).where(*open_).values(end_reason=reason, shut_at=shut_at)
        await self._db_session.execute(statement.execution_options(synchronize_session=False))

    async def _tell_ended(self, ended: CTE) -> Sequence[UUID]:
        """Close calls, and tell that they are over; which they were."""
        seconds = func.extract("epoch", ended.c.ended_at - ended.c.started_at).cast(Double)
        news = told(
            "news",
            ended,
            kind=EventKind.CALL_ENDED,
            agent_id=ended.c.agent_id,
            call_id=ended.c.id,
            data={
                "status": ended.c.status,
                "reason": reason_of(ended.c.end_reason),
                "version": ended.c.version,
                "room": ended.c.room,
                "startedAt": ended.c.started_at,
                "endedAt": ended.c.ended_at,
                "durationSeconds": seconds,
                "recoveries": ended.c.attempt - 1,
            },
        )
        return (await self._db_session.execute(select(ended.c.id).add_cte(news))).scalars().all()

    async def in_room(self, room: str) -> CallRow | None:
        """The call of a room, open or over."""
        return (await self._db_session.execute(select(CallRow).where(CallRow.room == room))).scalar()

    async def without_transcript(self, rooms: Collection[str]) -> set[str]:
        """Those of `rooms` that are of a call whose transcript was deleted."""
        statement = select(CallRow.room).where(
            CallRow.room.in_(rooms), CallRow.transcript_deleted_at.is_not(None)
        )
        return set((await self._db_session.execute(statement)).scalars())

    async def is_open(self, call_id: UUID) -> bool:
        """Whether a call goes on, or may yet begin."""
        statement = select(CallRow.id).where(CallRow.id == call_id, CallRow.status.in_(OPEN))
        return (await self._db_session.execute(statement)).scalar() is not None

    async def is_alone(self, room: str, attempt: int | None) -> bool:
        """Whether a caller is in the room, by what LiveKit told last, whose agent should be there too.

        `attempt`: of the agent that has left. One that another was sent for is not missed.
        """
        alone = (CallRow.caller_joined_at.is_not(None), CallRow.caller_left_at.is_(None))
        # One that was lost before it could say that it was there left a call that waits.
        met = CallRow.status.in_([CallStatus.WAITING, CallStatus.ACTIVE])
        missed = met if attempt is None else and_(CallRow.status.in_(OPEN), CallRow.attempt <= attempt)
        statement = select(CallRow.id).where(CallRow.room == room, missed, *alone)
        return (await self._db_session.execute(statement)).scalar() is not None

    async def abandon(self, age: timedelta) -> int:
        """Close calls that nobody came to within `age` of their token, 500 at most; tells how many."""
        # Said outright and not as a parameter, so that the index on open calls is used.
        waiting = CallRow.status == literal_column(f"'{CallStatus.WAITING}'")
        stale = (
            select(CallRow.id)
            .where(waiting, CallRow.created_at < func.now() - age)
            .limit(_MAX_ABANDONED)
            .with_for_update(skip_locked=True)
        )
        statement = (
            update(CallRow)
            .where(CallRow.id.in_(stale))
            .values(status=CallStatus.ABANDONED, ended_at=func.now(), end_reason="nobody came")
            .returning(*_AT_THE_END)
        )
        return len(await self._tell_ended(statement.cte("ended")))

    async def get(self, call_id: UUID) -> CallRow:
        """One call.

        Raises:
            NotFound: there is none.
        """
        row = await self._db_session.get(CallRow, call_id)
        if row is None:
            raise NotFound(f"There is no call {call_id}.")
        return row

    async def list(self, wanted: CallFilter, cursor: Cursor | None, limit: int) -> Page[tuple[CallRow, int]]:
        """A page of calls, newest first, each with its number of turns."""
        statement = _narrow(select(CallRow, TURNS), wanted)
        statement = statement.order_by(CallRow.created_at.desc(), CallRow.id.desc()).limit(limit + 1)
        if cursor:
            statement = statement.where(
                tuple_(CallRow.created_at, CallRow.id) < tuple_(cursor.created_at, cursor.id)
            )
        rows = [(row[0], row[1]) for row in await self._db_session.execute(statement)]
        more = len(rows) > limit
        rows = rows[:limit]
        last = rows[-1][0] if more else None
        return Page(rows, Cursor(last.created_at, last.id).encode() if last else None)

    async def take_event(self, event_id: str, event: str, room: str | None) -> bool:
        """Note a webhook of LiveKit; False when it was noted before."""
        statement = (
            insert(LiveKitEventRow).values(id=event_id, event=event, room=room).on_conflict_do_nothing()
        )
        return (await self._db_session.execute(statement.returning(LiveKitEventRow.id))).scalar() is not None


def _narrow(statement: Select[CallRow, int], wanted: CallFilter) -> Select[CallRow, int]:
    if wanted.agent_id:
        statement = statement.where(CallRow.agent_id == wanted.agent_id)
    if wanted.status:
        statement = statement.where(CallRow.status == wanted.status)
    if wanted.since:
        statement = statement.where(CallRow.created_at >= wanted.since)
    if wanted.until:
        statement = statement.where(CallRow.created_at < wanted.until)
    return statement
