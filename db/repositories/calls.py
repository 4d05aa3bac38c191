"""Queries on calls and turns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, literal_column, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.errors import NotFound
from common.status import CallStatus
from db.models import CallRow, LiveKitEventRow, TurnRow
from db.repositories.pages import Cursor, Page

OPEN = (CallStatus.WAITING, CallStatus.ACTIVE, CallStatus.RECOVERING)
_MAX_ABANDONED = 500


@dataclass(frozen=True)
class CallFilter:
    """Which calls to list; every field narrows."""

    agent_id: UUID | None = None
    status: CallStatus | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Turn:
    """One utterance, as the job process saw it. Latencies in seconds."""

    item_id: str
    role: str
    text: str
    at: datetime
    interrupted: bool = False
    transcription_delay: float | None = None
    end_of_turn_delay: float | None = None
    llm_node_ttft: float | None = None
    tts_node_ttfb: float | None = None
    e2e_latency: float | None = None


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

    async def start(
        self, call_id: UUID, agent_id: UUID, version: int, room: str, trace_id: str | None
    ) -> UUID:
        """An agent is in the room: the call is active. Makes the call where no token of ours led to it.

        A call that is over stays over. Returns the call's id, which is another than `call_id` when the room
        was known.
        """
        statement = insert(CallRow).values(
            id=call_id,
            agent_id=agent_id,
            version=version,
            room=room,
            status=CallStatus.ACTIVE,
            started_at=func.now(),
            trace_id=trace_id,
        )
        statement = statement.on_conflict_do_update(
            index_elements=["room"],
            set_={
                "status": CallStatus.ACTIVE,
                "version": version,
                "started_at": func.coalesce(CallRow.started_at, func.now()),
                "trace_id": func.coalesce(CallRow.trace_id, trace_id),
            },
            where=CallRow.status.in_(OPEN),
        )
        started = await self._db_session.execute(statement.returning(CallRow.id))
        found = started.scalar_one_or_none()
        if found is None:
            over = await self._db_session.execute(select(CallRow.id).where(CallRow.room == room))
            found = over.scalar_one()
        return found

    async def caller_came(self, room: str, identity: str) -> None:
        """The caller of `room` is there; nothing happens for anybody else."""
        statement = (
            update(CallRow)
            .where(CallRow.room == room, CallRow.identity == identity, CallRow.caller_joined_at.is_(None))
            .values(caller_joined_at=func.now())
            .execution_options(synchronize_session=False)
        )
        await self._db_session.execute(statement)

    async def end(self, room: str, reason: str, status: CallStatus = CallStatus.ENDED) -> bool:
        """Close the call of `room` unless it is closed already; tells whether it was open."""
        statement = (
            update(CallRow)
            .where(CallRow.room == room, CallRow.status.in_(OPEN))
            .values(status=status, ended_at=func.now(), end_reason=reason)
            .returning(CallRow.id)
        )
        return (await self._db_session.execute(statement)).scalar_one_or_none() is not None

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
            .returning(CallRow.id)
            .execution_options(synchronize_session=False)
        )
        return len((await self._db_session.execute(statement)).all())

    async def add_turns(self, call_id: UUID, turns: list[Turn]) -> None:
        """Append turns, in order; one that is written already stays as it is."""
        rows = [{"call_id": call_id} | vars(turn) for turn in turns]
        await self._db_session.execute(insert(TurnRow).values(rows).on_conflict_do_nothing())

    async def get(self, call_id: UUID) -> CallRow:
        """One call.

        Raises:
            NotFound: there is none.
        """
        row = await self._db_session.get(CallRow, call_id)
        if row is None:
            raise NotFound(f"There is no call {call_id}.")
        return row

    async def turns(self, call_id: UUID) -> list[TurnRow]:
        """What was said in a call, in order."""
        statement = select(TurnRow).where(TurnRow.call_id == call_id).order_by(TurnRow.id)
        return list((await self._db_session.execute(statement)).scalars())

    async def list(self, wanted: CallFilter, cursor: Cursor | None, limit: int) -> Page[tuple[CallRow, int]]:
        """A page of calls, newest first, each with its number of turns."""
        count = select(func.count()).where(TurnRow.call_id == CallRow.id).scalar_subquery()
        statement = _narrow(select(CallRow, count), wanted)
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
