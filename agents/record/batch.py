"""What is written of a call's record at a time. Of what Postgres refuses, only that is left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncSession

from agents.record.ledger import Refused, Writer, refusal
from db.repositories.transcripts import CallEvent, Draft, TranscriptRepository, Turn

Entry = Turn | CallEvent | Draft
"""What was said, what happened, or what somebody has said so far."""


@dataclass
class Batch:
    """What is written in one transaction."""

    turns: list[Turn] = field(default_factory=list)
    events: list[CallEvent] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    """Roles whose utterance is over."""

    def __len__(self) -> int:
        return len(self.turns) + len(self.events)

    @property
    def entries(self) -> list[Entry]:
        """All that it holds."""
        return [*self.turns, *self.events, *self.drafts]

    async def bring(self, writer: Writer, call_id: UUID, attempt: int) -> list[Entry]:
        """Have Postgres take it: in one go, or entry by entry where it refuses that. What it will never take.

        Raises:
            Refused: it takes nothing, for the call was deleted.
        """

        async def _all(db_session: AsyncSession) -> None:
            await self.write(db_session, call_id, attempt)

        async def _each(db_session: AsyncSession) -> list[Entry]:
            return await self._write_each(db_session, call_id, attempt)

        try:
            await writer.do(_all)
        except Refused as refused:
            if refused.deleted:
                raise
            return await writer.do(_each)
        return []

    async def write(self, db_session: AsyncSession, call_id: UUID, attempt: int) -> None:
        """Write it; what is written already stays as it is."""
        transcripts = TranscriptRepository(db_session)
        if self.turns:
            await transcripts.add_turns(call_id, attempt, self.turns)
        if self.events:
            await transcripts.add_events(call_id, attempt, self.events)
        if self.spoken:
            await transcripts.drop_drafts(call_id, attempt, self.spoken)
        if self.drafts:
            await transcripts.put_drafts(call_id, attempt, self.drafts)

    async def _write_each(self, db_session: AsyncSession, call_id: UUID, attempt: int) -> list[Entry]:
        left_out: list[Entry] = []
        for piece in self._pieces():
            try:
                async with db_session.begin_nested():
                    await piece.write(db_session, call_id, attempt)
            except StatementError as error:
                refused = refusal(error)
                if refused is None or refused.deleted:
                    raise
                left_out += piece.entries
        return left_out

    def _pieces(self) -> Iterator[Batch]:
        """The same, one by one and in order."""
        yield from (Batch(turns=[turn]) for turn in self.turns)
        yield from (Batch(events=[event]) for event in self.events)
        if self.spoken:
            yield Batch(spoken=self.spoken)
        yield from (Batch(drafts=[draft]) for draft in self.drafts)
