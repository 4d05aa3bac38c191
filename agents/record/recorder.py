"""Writes what is said and what happens in a call to Postgres meanwhile, off the path that carries audio."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from agents.record.batch import Batch, Entry
from agents.record.journal import Journal, Used
from agents.record.ledger import Ledger, Refused
from db.repositories.calls import CallRepository
from db.repositories.joining import Begun, JoinedAgent, JoiningRepository
from db.repositories.transcripts import CallEvent, Draft, Turn

__all__ = ["CallRecorder", "JoinedAgent"]

logger = logging.getLogger(__name__)

QUEUE_LIMIT = 10_000
"""Turns and events kept while Postgres is away: hours of talk. Beyond it the oldest are dropped, counted and
logged."""

CLOSE_SECONDS = 90.0
"""How long a job process waits at its end for the last turns to be written: Postgres may be away. Where its
host ends it, it has no more than ten seconds."""

FAIL_SECONDS = 8.0
"""The same of an agent that could not begin: it has said nothing yet."""

HOLD_SECONDS = 0.3
"""How long what is not urgent waits for company: changes of state, and words of an utterance that goes on."""

BREATH_SECONDS = 0.2
"""How long what is urgent waits for company."""

ANSWER_SECONDS = 1.0
"""How long it waits before that for the first words of an answer: a transaction takes ten milliseconds of
this process, and a caller who has asked something would wait for it. What waits is in the journal: a process
that is killed loses nothing of it."""

USAGE_SECONDS = 10.0
"""Between two notes of what a call has used so far; meanwhile the newest is in the journal."""

ALONE = "nobody was there"
UNFINISHED = {"error", "job crashed", "room disconnected", "parent process shutdown", ALONE}
"""Why a job ends, and its call need not: the caller may be there and wait for another agent. The first is
our word for a session that gave up, the next three are livekit-agents'; the last of them says that the
host ended it, of itself or because LiveKit wanted it. Where nobody was there, somebody may be on the way
still."""

URGENT = {"tool", "error", "failed"}
"""Kinds of events that are written soon, as turns are."""


class CallRecorder:
    """The record of one agent in one call. What adds to it never waits; one task writes, in order."""

    def __init__(self, ledger: Ledger, agent: JoinedAgent, journal: Journal | None = None) -> None:
        """`journal` keeps what Postgres has not got yet."""
        self.replaced = asyncio.Event()
        """Set when another agent has taken the call over: this one has no business in the room."""
        self.journal = journal
        self._ledger, self._agent = ledger, agent
        self._begun: Begun | None = None
        self._entries: deque[Turn | CallEvent] = deque()
        self._drafts: dict[str, Draft | None] = {}
        self._speaking: dict[str, datetime] = {}
        """Since when each role says what is not over yet."""
        self._writing = Batch()
        self._number = 0
        self._usage: CallEvent | None = None
        """What was used so far, where no event tells of it yet."""
        self._usage_noted = 0.0
        self._news, self._urgent = asyncio.Event(), asyncio.Event()
        self._closing = asyncio.Event()
        self._unasked = asyncio.Event()
        """Cleared from the caller's last word until the first one of the answer, or the end."""
        self._unasked.set()
        self._dropped = 0
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> Begun:
        """Note that the agent is in the call, before it says a word; `joined` does it later."""
        if self._begun is None:
            try:
                self._begun = await self._ledger.do(self._begin)
            except Refused as refused:
                logger.warning("%s: the call can't be recorded", refused, extra={"room": self._agent.room})
                self._begun = Begun(self._agent.call_id)
        if self._begun.stale:
            self.replaced.set()
        return self._begun

    async def begin_again(self) -> None:
        """The agent is back in a room that it had lost: another one may have taken over meanwhile."""
        self._begun = None
        await self.begin()

    async def _begin(self, db_session: AsyncSession) -> Begun:
        return await JoiningRepository(db_session).joined(self._agent)

    def joined(self) -> None:
        """The agent is in the room: begin to write."""
        data = {"host": self._agent.host, "version": self._agent.version, "traceId": self._agent.trace_id}
        self.note("joined", {key: value for key, value in data.items() if value is not None})
        self._task = asyncio.create_task(self._write(), name="call recorder")

    def add(self, turn: Turn) -> None:
        """Take a turn into the record."""
        self._keep(turn)
        self._drafts[turn.role] = None
        self._speaking.pop(turn.role, None)
        if turn.role == "user":
            self._unasked.clear()
        else:
            self._unasked.set()
        self._wake(urgent=True)

    def note(self, kind: str, data: dict[str, Any], at: float | None = None) -> None:
        """Take an event into the record; `at` in seconds since the epoch."""
        moment = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
        self._keep(CallEvent(self._next_number(), kind, moment, data))
        self._wake(urgent=kind in URGENT)

    def draft(self, role: str, text: str) -> None:
        """What somebody has said so far of an utterance that goes on."""
        since = self._speaking.setdefault(role, datetime.now(UTC))
        draft = self._drafts[role] = Draft(role, text, since)
        if role == "agent":
            self._unasked.set()
        if self.journal:
            self.journal.add(draft)
        self._wake()

    def used(self, usage: dict[str, Any]) -> None:
        """What the call has used so far, in all."""
        # Its number is its own from the first: whoever writes it, and how often, it is one event.
        number = self._usage.number if self._usage else self._next_number()
        self._usage = CallEvent(number, "usage", datetime.now(UTC), usage)
        if time.monotonic() - self._usage_noted > USAGE_SECONDS:
            self._note_usage()
        elif self.journal:
            self.journal.add(Used(self._usage))

    def _note_usage(self) -> None:
        if self._usage:
            self._usage_noted = time.monotonic()
            self._keep(self._usage)
            self._usage = None
            self._wake()

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _keep(self, entry: Turn | CallEvent) -> None:
        if len(self._entries) >= QUEUE_LIMIT:
            self._entries.popleft()
            self._dropped += 1
        self._entries.append(entry)
        if self.journal:
            self.journal.add(entry)

    def _wake(self, *, urgent: bool = False) -> None:
        self._news.set()
        if urgent:
            self._urgent.set()

    async def close(self, reason: str) -> None:
        """Write what is left and mark the call as ended, unless it needs another agent; gives up after
        `CLOSE_SECONDS`."""
        if self._task is None:
            return
        self._note_usage()
        self._closing.set()
        self._unasked.set()
        self._wake(urgent=True)
        done = False
        try:
            await asyncio.wait_for(self._finish(reason), CLOSE_SECONDS)
            done = True
        except TimeoutError:
            logger.exception(
                "Postgres was away at the end of the call",
                extra={"room": self._agent.room, "lost": len(self._entries) + len(self._writing)},
            )
        finally:
            if self.journal:
                self.journal.close(done=done)
            self._task.cancel()
            await self._ledger.close()

    async def fail(self, reason: str) -> None:
        """Say why the agent could not begin; gives up after `FAIL_SECONDS`. Another one may try."""
        self._note_usage()
        self.note("failed", {"message": reason})
        done = False
        try:
            await asyncio.wait_for(self._bring(self._take(), self._agent.call_id), FAIL_SECONDS)
            done = True
        except TimeoutError:
            logger.exception("Postgres was away when the call failed", extra={"room": self._agent.room})
        finally:
            if self.journal:
                self.journal.close(done=done)
            await self._ledger.close()

    async def _finish(self, reason: str) -> None:
        assert self._task is not None
        await self._task
        if self.replaced.is_set():
            return

        async def _end(db_session: AsyncSession) -> None:
            if reason in UNFINISHED:
                await JoiningRepository(db_session).gone(self._agent)
            else:
                attempt = self._agent.attempt
                await CallRepository(db_session).end(self._agent.room, reason, attempt=attempt)

        try:
            await self._ledger.do(_end)
        except Refused as refused:
            logger.warning("%s: the end of the call", refused, extra={"room": self._agent.room})

    async def _write(self) -> None:
        begun = await self.begin()
        while await self._something_to_write():
            self._writing = self._take()
            await self._bring(self._writing, begun.call_id)
            self._writing = Batch()
            if self.journal:
                self.journal.keep_only(self._unwritten())
        if self._dropped:
            logger.error("turns were dropped", extra={"room": self._agent.room, "dropped": self._dropped})

    async def _bring(self, batch: Batch, call_id: UUID) -> None:
        try:
            refused = await batch.bring(self._ledger, call_id, self._agent.attempt)
        except Refused:
            logger.warning("the call was deleted: what is said is not kept", extra={"room": self._agent.room})
            return
        if refused and self.journal:
            self.journal.set_aside(refused)
        elif refused:
            about = {"room": self._agent.room, "entries": len(refused)}
            logger.error("Postgres refused a part of the record, which is lost", extra=about)

    def _unwritten(self) -> list[Entry | Used]:
        drafts = [draft for draft in self._drafts.values() if draft is not None]
        return [*self._entries, *drafts, *([Used(self._usage)] if self._usage else [])]

    async def _something_to_write(self) -> bool:
        """Wait for it; False when there is nothing left and nothing will come."""
        while not self._entries and not self._drafts:
            if self._closing.is_set():
                return False
            self._news.clear()
            await self._news.wait()
        if await _within(HOLD_SECONDS, self._urgent):
            await _within(ANSWER_SECONDS, self._unasked)
            await _within(BREATH_SECONDS, self._closing)
        return True

    def _take(self) -> Batch:
        """All that is to be written now."""
        batch = Batch()
        for entry in self._entries:
            if isinstance(entry, Turn):
                batch.turns.append(entry)
            else:
                batch.events.append(entry)
        self._entries.clear()
        batch.spoken = [role for role, draft in self._drafts.items() if draft is None]
        batch.drafts = [draft for draft in self._drafts.values() if draft is not None]
        self._drafts.clear()
        self._urgent.clear()
        return batch


async def _within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for it so long; whether it came."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
