"""Calls: what was said, and ending one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.postgres import Postgres
from api.schemas.calls import (
    CallAnswer,
    CallItem,
    CallPage,
    EventAnswer,
    MessageAnswer,
    RecordingAnswer,
    SpeakingAnswer,
    StepAnswer,
    TurnAnswer,
)
from api.services.livekit import LiveKit
from common.errors import Conflict, FieldError, InvalidInput, LiveKitError, NotFound
from common.status import CallStatus
from db.models import CallRow
from db.repositories.agents import AgentRepository
from db.repositories.analyses import AnalysisRepository
from db.repositories.calls import OPEN, CallFilter, CallRepository
from db.repositories.pages import Cursor
from db.repositories.recordings import RecordingRepository
from db.repositories.rooms import RoomRepository
from db.repositories.transcripts import TranscriptRepository


@dataclass(frozen=True)
class CallQuery:
    """Which calls to list, as it was asked."""

    agent: str | None
    status: CallStatus | None
    since: datetime | None
    until: datetime | None
    cursor: str | None
    limit: int


@dataclass(frozen=True)
class CallService:
    """Shows and ends calls."""

    postgres: Postgres
    livekit: LiveKit

    async def list(self, query: CallQuery) -> CallPage:
        """A page of calls, newest first.

        Raises:
            NotFound: there is no such agent.
            InvalidInput: the cursor or a time is not valid.
        """
        cursor = Cursor.decode(query.cursor)
        since, until = instant(query.since, "/from"), instant(query.until, "/to")
        async with self.postgres.moment() as db_session:
            agent_id = None
            if query.agent:
                agent_id = (await AgentRepository(db_session, self.postgres.box).get(query.agent)).id
            wanted = CallFilter(agent_id, query.status, since, until)
            page = await CallRepository(db_session).list(wanted, cursor, query.limit)
        return CallPage(
            items=[CallItem.of(row, turns) for row, turns in page.items], next_cursor=page.next_cursor
        )

    async def get(self, call_id: str) -> CallAnswer:
        """One call with its turns and events."""
        async with self.postgres.moment() as db_session:
            return await _answer(db_session, await CallRepository(db_session).get(id_of(call_id)))

    async def end(self, call_id: str, actor: str) -> CallAnswer:
        """End a call for everybody in it; one that is over stays as it is.

        Raises:
            LiveKitError: LiveKit did not end the room; the call is as it was.
        """
        async with self.postgres.begin() as db_session:
            row = await CallRepository(db_session).get(id_of(call_id))
            credentials = await self.livekit.call_credentials(db_session, row)
        if row.status in OPEN:
            # Announced first: LiveKit's word that the room is gone may be faster than this.
            await self._announce_end(row.room, f"ended by {actor}")
            try:
                await self.livekit.delete_room(credentials, row.room)
            except LiveKitError:
                await self._announce_end(row.room, None)
                raise
            async with self.postgres.begin() as db_session:
                await CallRepository(db_session).end(row.room, f"ended by {actor}")
        return await self.get(call_id)

    async def _announce_end(self, room: str, reason: str | None) -> None:
        async with self.postgres.begin() as db_session:
            await CallRepository(db_session).announce_end(room, reason)

    async def type(self, call_id: str, text: str) -> MessageAnswer:
        """Have the agent of a call hear a text as if its caller had said it.

        It is heard once or not at all: an agent that is lost after it took it may not answer it any more.

        Raises:
            Conflict: the call is over, or no agent listens in it yet.
            LiveKitError: LiveKit did not pass it on, or does not know whether it was heard.
        """
        async with self.postgres.begin() as db_session:
            row = await CallRepository(db_session).get(id_of(call_id))
            credentials = await self.livekit.call_credentials(db_session, row)
        if row.status not in OPEN:
            raise Conflict(f"Call {row.id} is over.")
        heard_by = await self.livekit.type_to_agents(credentials, row.room, text)
        if not heard_by:
            raise Conflict(
                f"No agent takes a text in call {row.id} now: none has joined yet, or too many texts wait."
            )
        return MessageAnswer(call_id=row.id, heard_by=heard_by)


async def _answer(db_session: AsyncSession, row: CallRow) -> CallAnswer:
    transcripts = TranscriptRepository(db_session)
    turns = await transcripts.turns(row.id)
    answer: CallAnswer = CallAnswer.of(
        row,
        len(turns) if row.turn_count is None else row.turn_count,
        room=row.room,
        trace_id=row.trace_id,
        attributes=row.attributes or {},
        turns=[TurnAnswer.of(number, turn) for number, turn in enumerate(turns, 1)],
        speaking=[SpeakingAnswer.of(each) for each in await transcripts.drafts(row.id)],
        events=await _events(db_session, row),
        recordings=[RecordingAnswer.of(each) for each in await RecordingRepository(db_session).of(row.id)],
        analyses=[StepAnswer.of(each) for each in await AnalysisRepository(db_session).of(row.id)],
    )
    return answer


async def _events(db_session: AsyncSession, row: CallRow) -> list[EventAnswer]:
    """What LiveKit told, and what the agent and the platform noted, by time."""
    said = [
        EventAnswer(at=each.created_at, event=each.event)
        for each in await RoomRepository(db_session).events(row.room)
    ]
    noted = [
        EventAnswer(at=each.at, event=each.kind, attempt=each.attempt, data=each.data)
        for each in await TranscriptRepository(db_session).events(row.id)
    ]
    return sorted([*said, *noted], key=lambda each: each.at)


def id_of(text: str) -> UUID:
    """A call's id. Raises NotFound for what can't be one."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no call “{text}”.") from None


def instant(value: datetime | None, pointer: str) -> datetime | None:
    """A moment in UTC; one without a zone is taken as UTC.

    Raises:
        InvalidInput: it is at the end of time, where no zone can be applied.
    """
    if value is None:
        return None
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise InvalidInput("The range is not valid.", [FieldError(pointer, "is out of range")]) from None
