"""What belongs to a call and is deleted with what was said in it, or before it.

Whoever keeps something else of calls adds it here. Retention and erasure know nothing else of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from db.models import (
    AgentLogRow,
    AnalysisRow,
    CallEventRow,
    CallRow,
    DraftRow,
    LiveKitEventRow,
    RecordingRow,
    TurnRow,
)


class Belonging(Protocol):
    """One kind of thing that a call has."""

    @property
    def name(self) -> str:
        """As receipts name it, in the plural."""

    async def erase(self, db_session: AsyncSession, call_ids: Sequence[UUID]) -> int:
        """Delete those of these calls, in this transaction; how many there were.

        What lies elsewhere, as a file does, goes once the transaction is committed, and stays if it is rolled
        back: note here that it is to be deleted. The same again does nothing.
        """


class Recordings(Belonging, Protocol):
    """Files with sound, which may be kept for a shorter time than the rest."""

    async def old(
        self, db_session: AsyncSession, agent_id: UUID, before: datetime, limit: int
    ) -> Sequence[UUID]:
        """Some of the calls of an agent that have any, and were made before then."""


@dataclass(frozen=True)
class Rows:
    """Rows of a table, each of one call."""

    name: str
    call_id: InstrumentedAttribute[Any]

    async def erase(self, db_session: AsyncSession, call_ids: Sequence[UUID]) -> int:
        """Delete them."""
        return await _delete(db_session, self.call_id.class_, self.call_id.in_(call_ids))


@dataclass(frozen=True)
class LogLines:
    """Lines that were logged in a call."""

    name: str = "logLines"

    async def erase(self, db_session: AsyncSession, call_ids: Sequence[UUID]) -> int:
        """Delete them; those of the same agents alone are looked at."""
        agents = select(CallRow.agent_id).where(CallRow.id.in_(call_ids))
        theirs = (AgentLogRow.agent_id.in_(agents), AgentLogRow.call_id.in_(call_ids))
        return await _delete(db_session, AgentLogRow, *theirs)


@dataclass(frozen=True)
class RoomEvents:
    """What LiveKit told of a call's room."""

    name: str = "roomEvents"

    async def erase(self, db_session: AsyncSession, call_ids: Sequence[UUID]) -> int:
        """Delete them."""
        rooms = select(CallRow.room).where(CallRow.id.in_(call_ids))
        return await _delete(db_session, LiveKitEventRow, LiveKitEventRow.room.in_(rooms))


@dataclass(frozen=True)
class SoundFiles:
    """Recordings. A row without a call is deleted, with its file, by whoever looks after the storage."""

    name: str = "recordings"

    async def erase(self, db_session: AsyncSession, call_ids: Sequence[UUID]) -> int:
        """Part them from their calls."""
        theirs = update(RecordingRow).where(RecordingRow.call_id.in_(call_ids)).values(call_id=None)
        result: Any = await db_session.execute(theirs.execution_options(synchronize_session=False))
        return int(result.rowcount)

    async def old(
        self, db_session: AsyncSession, agent_id: UUID, before: datetime, limit: int
    ) -> Sequence[UUID]:
        """Some of the calls of an agent that have any, and were made before then."""
        recorded = exists().where(RecordingRow.call_id == CallRow.id)
        theirs = (CallRow.agent_id == agent_id, CallRow.created_at < before, recorded)
        statement = select(CallRow.id).where(*theirs).order_by(CallRow.created_at).limit(limit)
        return (await db_session.execute(statement)).scalars().all()


async def _delete(db_session: AsyncSession, table: Any, *which: Any) -> int:
    statement = delete(table).where(*which).execution_options(synchronize_session=False)
    result: Any = await db_session.execute(statement)
    return int(result.rowcount)


TRANSCRIPT: tuple[Belonging, ...] = (
    Rows("turns", TurnRow.call_id),
    Rows("events", CallEventRow.call_id),
    Rows("drafts", DraftRow.call_id),
    Rows("analyses", AnalysisRow.call_id),
)
"""What was said and done, and what was taken out of it."""

RECORDINGS: tuple[Recordings, ...] = (SoundFiles(),)

TRACES: tuple[Belonging, ...] = (LogLines(), RoomEvents())
"""What else there is of a call."""
