"""Queries on recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.errors import NotFound
from db.models import CallRow, RecordingRow

STORING = "storing"
STORED = "stored"
LOST = "lost"

NOTED = "recording"
"""The event that an agent records its call."""


@dataclass(frozen=True)
class NewRecording:
    """A file that is about to be kept."""

    call_id: UUID
    attempt: int
    host: str
    storage: str
    key: str
    content_type: str
    started_at: datetime | None
    salvaged: bool
    notice: str | None


class RecordingRepository:
    """Reads and writes recordings."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def begin(self, new: NewRecording) -> UUID | None:
        """A file goes to its storage: whatever happens from now on, it is known to be there.

        None where it must not: its call was deleted, or its caller erased.
        """
        # An erasure waits for this, or this for it: whichever comes second finds what the other has done.
        kept = select(CallRow.id).where(CallRow.id == new.call_id, CallRow.erased_at.is_(None))
        kept = kept.with_for_update(key_share=True, read=True)
        if (await self._db_session.execute(kept)).scalar_one_or_none() is None:
            return None
        values = vars(new) | {"state": STORING}
        statement = insert(RecordingRow).values(id=uuid4(), **values)
        statement = statement.on_conflict_do_update(index_elements=["call_id", "attempt"], set_=values)
        found = await self._db_session.execute(statement.returning(RecordingRow.id))
        return found.scalar_one()

    async def end(self, recording_id: UUID, state: str, size: int, seconds: float) -> bool:
        """It is in its storage, or is none; False where its call was deleted meanwhile."""
        statement = (
            update(RecordingRow)
            .where(RecordingRow.id == recording_id, RecordingRow.call_id.is_not(None))
            .values(state=state, size=size, seconds=seconds)
            .returning(RecordingRow.id)
            .execution_options(synchronize_session=False)
        )
        return (await self._db_session.execute(statement)).scalar_one_or_none() is not None

    async def of(self, call_id: UUID) -> Sequence[RecordingRow]:
        """The recordings of a call, one for each agent that made one, in order."""
        statement = select(RecordingRow).where(RecordingRow.call_id == call_id).order_by(RecordingRow.attempt)
        return (await self._db_session.execute(statement)).scalars().all()

    async def stored(self, call_id: UUID, attempt: int | None) -> RecordingRow:
        """The recording of one of a call's agents, or of the first that has one.

        Raises:
            NotFound: there is none, or not yet.
        """
        for row in await self.of(call_id):
            if row.state == STORED and attempt in {None, row.attempt}:
                return row
        whose = f"agent number {attempt} in call" if attempt else "call"
        raise NotFound(f"There is no recording of {whose} {call_id}.")

    async def orphaned(self, limit: int) -> Sequence[RecordingRow]:
        """Files whose call was deleted, the oldest first. They are this transaction's until it ends."""
        statement = (
            select(RecordingRow)
            .where(RecordingRow.call_id.is_(None))
            .order_by(RecordingRow.created_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return (await self._db_session.execute(statement)).scalars().all()

    async def orphan(self, call_id: UUID) -> int:
        """The recordings of a call shall be deleted; how many there were."""
        statement = (
            update(RecordingRow)
            .where(RecordingRow.call_id == call_id)
            .values(call_id=None, created_at=func.now())
            .returning(RecordingRow.id)
            .execution_options(synchronize_session=False)
        )
        return len((await self._db_session.execute(statement)).all())

    async def forget(self, recording_id: UUID) -> None:
        """The file is deleted."""
        await self._db_session.execute(delete(RecordingRow).where(RecordingRow.id == recording_id))
