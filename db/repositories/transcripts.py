"""Queries on what is said and what happens in a call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import SmallInteger, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import CallEventRow, DraftRow, TurnRow
from db.repositories import record
from db.repositories.counting import CountingRepository

PLATFORM = 0
"""The number of the platform's own event of an attempt: what led to it."""

CUT = "cut-"
"""How the ids of turns begin that ended with their agent."""


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


@dataclass(frozen=True)
class CallEvent:
    """What happened in a call beside what was said; `number` orders it within its attempt."""

    number: int
    kind: str
    at: datetime
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Draft:
    """What somebody has said so far of an utterance that is not over."""

    role: str
    text: str
    at: datetime


class TranscriptRepository:
    """Reads and writes turns, events and drafts. Where a transcript was deleted, nothing is written."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session
        self._writable: dict[UUID, bool] = {}

    async def _may_write(self, call_id: UUID) -> bool:
        """Whether a call has a record that grows; asked once in a transaction."""
        if call_id not in self._writable:
            self._writable[call_id] = await CountingRepository(self._db_session).before_writing(call_id)
        return self._writable[call_id]

    async def add_turns(self, call_id: UUID, attempt: int, turns: Sequence[Turn]) -> None:
        """Append turns of an attempt, in order; one that is written already stays as it is."""
        if not await self._may_write(call_id):
            return
        rows = [{"call_id": call_id, "attempt": attempt} | vars(turn) for turn in turns]
        await self._db_session.execute(record.ADD_TURNS, rows)

    async def turns(self, call_id: UUID) -> list[TurnRow]:
        """What was said in a call, in order."""
        statement = select(TurnRow).where(TurnRow.call_id == call_id)
        # An agent that ended amid a sentence said nothing after that, whatever is written later.
        statement = statement.order_by(TurnRow.attempt, TurnRow.item_id.startswith(CUT), TurnRow.id)
        return list((await self._db_session.execute(statement)).scalars())

    async def add_events(self, call_id: UUID, attempt: int, events: Sequence[CallEvent]) -> None:
        """Append events of an attempt; one that is written already stays as it is."""
        if not await self._may_write(call_id):
            return
        rows = [{"call_id": call_id, "attempt": attempt} | vars(event) for event in events]
        await self._db_session.execute(record.ADD_EVENTS, rows)

    async def events(self, call_id: UUID, kind: str | None = None) -> list[CallEventRow]:
        """What happened in a call, in order, or what of one kind."""
        mine = CallEventRow.call_id == call_id
        statement = select(CallEventRow).where(mine).order_by(CallEventRow.attempt, CallEventRow.id)
        if kind:
            statement = statement.where(CallEventRow.kind == kind)
        return list((await self._db_session.execute(statement)).scalars())

    async def put_drafts(self, call_id: UUID, attempt: int, drafts: Sequence[Draft]) -> None:
        """What is being said now, in place of what was. Of an agent that does not speak for the call any
        more, or whose call is over, it is what was said last, and cut off."""
        if not await self._may_write(call_id):
            return
        speaks = await self._db_session.execute(record.SPEAKS, {"call_id": call_id, "attempt": attempt})
        if speaks.scalar() is None:
            await self._add_cut(call_id, attempt, drafts)
            return
        rows = [{"call_id": call_id, "attempt": attempt} | vars(draft) for draft in drafts]
        await self._db_session.execute(record.PUT_DRAFTS, rows)

    async def _add_cut(self, call_id: UUID, attempt: int, drafts: Sequence[Draft]) -> None:
        same = {"call_id": call_id, "attempt": attempt, "interrupted": True}
        rows = [same | {"item_id": f"{CUT}{attempt}-{each.role}"} | vars(each) for each in drafts]
        statement = insert(TurnRow).values(rows)
        text = statement.excluded.text
        statement = statement.on_conflict_do_update(
            index_elements=["call_id", "item_id"],
            set_={"text": text},
            where=func.length(TurnRow.text) < func.length(text),
        )
        await self._db_session.execute(statement)

    async def drop_drafts(self, call_id: UUID, attempt: int, roles: Sequence[str]) -> None:
        """What was being said is over, and a turn."""
        if not await self._may_write(call_id):
            return
        mine = {"call_id": call_id, "attempt": attempt, "roles": roles}
        await self._db_session.execute(record.DROP_DRAFTS, mine)
        # The call may have been taken for over meanwhile, and the draft for all that there would be.
        cut = {"call_id": call_id, "items": [f"{CUT}{attempt}-{role}" for role in roles]}
        await self._db_session.execute(record.DROP_CUT, cut)

    async def keep_drafts(self, call_id: UUID) -> None:
        """Whoever was speaking will not go on: what they have said is a turn, cut off."""
        if not await self._may_write(call_id):
            return
        cut = (
            delete(DraftRow)
            .where(DraftRow.call_id == call_id)
            .returning(DraftRow.call_id, DraftRow.attempt, DraftRow.role, DraftRow.text, DraftRow.at)
            .cte("cut")
        )
        item_id = func.concat(literal(CUT), cut.c.attempt, literal("-"), cut.c.role)
        whole = (cut.c.role, cut.c.text, cut.c.at, literal(value=True))
        turns = select(cut.c.call_id, item_id, cut.c.attempt.cast(SmallInteger), *whole)
        columns = ["call_id", "item_id", "attempt", "role", "text", "at", "interrupted"]
        statement = insert(TurnRow).from_select(columns, turns.order_by(cut.c.at))
        await self._db_session.execute(statement.on_conflict_do_nothing())

    async def drafts(self, call_id: UUID) -> list[DraftRow]:
        """What is being said now."""
        statement = select(DraftRow).where(DraftRow.call_id == call_id).order_by(DraftRow.at)
        return list((await self._db_session.execute(statement)).scalars())
