"""Writes what is said in a call to Postgres while it is said, off the path that carries audio."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import chain, repeat
from uuid import UUID

from livekit.agents.llm import ChatMessage
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from common.status import CallStatus
from db.engine import async_url
from db.repositories.calls import CallRepository, Turn

logger = logging.getLogger(__name__)

QUEUE_LIMIT = 10_000
"""Turns kept while Postgres is away: days of talk. Beyond it the oldest are dropped, counted and logged."""

CLOSE_SECONDS = 8.0
"""How long a job process waits at its end for the last turns to be written."""

RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)
_REFUSED = ("22", "23", "42")
"""Classes of SQLSTATE with which Postgres says that it will never take this: the agent was deleted, say."""


def turn_of(item: object) -> Turn | None:
    """The turn in a chat item, or None for what is no utterance (hand-offs, instructions, tool calls)."""
    if not isinstance(item, ChatMessage) or item.role not in {"user", "assistant"}:
        return None
    # Postgres takes neither NUL nor half a surrogate pair, and a caller can type both.
    text = (item.text_content or "").replace("\0", "").encode("utf-8", "replace").decode()
    if not text:
        return None
    metrics = item.metrics
    return Turn(
        item_id=item.id,
        role="user" if item.role == "user" else "agent",
        text=text,
        at=datetime.fromtimestamp(item.created_at, UTC),
        interrupted=item.interrupted,
        transcription_delay=metrics.get("transcription_delay"),
        end_of_turn_delay=metrics.get("end_of_turn_delay"),
        llm_node_ttft=metrics.get("llm_node_ttft"),
        tts_node_ttfb=metrics.get("tts_node_ttfb"),
        e2e_latency=metrics.get("e2e_latency"),
    )


class CallRecorder:
    """The record of one call. `add` never waits; one task writes, in order, and tries again for ever."""

    def __init__(
        self,
        database_url: str,
        *,
        call_id: UUID,
        agent_id: UUID,
        version: int,
        room: str,
        trace_id: str | None,
    ) -> None:
        self._engine = create_async_engine(
            async_url(database_url),
            pool_size=1,
            max_overflow=0,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"timeout": 5, "command_timeout": 10},
        )
        self._sessions: async_sessionmaker[AsyncSession] = async_sessionmaker(self._engine)
        self._call_id, self._agent_id, self._version = call_id, agent_id, version
        self._room, self._trace_id = room, trace_id
        self._turns: deque[Turn] = deque()
        self._writing: list[Turn] = []
        self._news = asyncio.Event()
        self._closing = False
        self._end_reason = ""
        self._dropped = 0
        self._task: asyncio.Task[None] | None = None

    def joined(self) -> None:
        """The agent is in the room: begin to write."""
        self._task = asyncio.create_task(self._write(), name="call recorder")

    def add(self, turn: Turn) -> None:
        """Take a turn into the record."""
        if len(self._turns) >= QUEUE_LIMIT:
            self._turns.popleft()
            self._dropped += 1
        self._turns.append(turn)
        self._news.set()

    async def close(self, reason: str) -> None:
        """Write what is left and mark the call as ended; gives up after `CLOSE_SECONDS`."""
        if self._task is None:
            return
        self._closing = True
        self._news.set()
        try:
            await asyncio.wait_for(self._finish(reason), CLOSE_SECONDS)
        except TimeoutError:
            logger.exception(
                "Postgres was away at the end of the call",
                extra={"room": self._room, "lost": len(self._turns) + len(self._writing)},
            )
        finally:
            self._task.cancel()
            await self._engine.dispose()

    async def fail(self, reason: str) -> None:
        """Mark the call as failed instead of recording it; gives up after `CLOSE_SECONDS`."""

        async def _fail(calls: CallRepository) -> None:
            await calls.end(self._room, reason, CallStatus.FAILED)

        try:
            await asyncio.wait_for(self._persist(_fail), CLOSE_SECONDS)
        except TimeoutError:
            logger.exception("Postgres was away when the call failed", extra={"room": self._room})
        finally:
            await self._engine.dispose()

    async def _finish(self, reason: str) -> None:
        assert self._task is not None
        await self._task
        self._end_reason = reason
        await self._persist(self._end)

    async def _write(self) -> None:
        await self._persist(self._start)
        while self._turns or not self._closing:
            if not self._turns:
                self._news.clear()
                await self._news.wait()
                continue
            self._writing = list(self._turns)
            self._turns.clear()
            await self._persist(self._add_turns)
            self._writing = []
        if self._dropped:
            logger.error("turns were dropped", extra={"room": self._room, "dropped": self._dropped})

    async def _start(self, calls: CallRepository) -> None:
        self._call_id = await calls.start(
            self._call_id, self._agent_id, self._version, self._room, self._trace_id
        )

    async def _end(self, calls: CallRepository) -> None:
        await calls.end(self._room, self._end_reason)

    async def _add_turns(self, calls: CallRepository) -> None:
        await calls.add_turns(self._call_id, self._writing)

    async def _persist(self, write: Callable[[CallRepository], Awaitable[object]]) -> None:
        """Do `write` in a transaction of its own; while Postgres is away, try again."""
        away = False
        for delay in chain(RETRY_SECONDS, repeat(RETRY_SECONDS[-1])):
            try:
                async with self._sessions.begin() as db_session:
                    await write(CallRepository(db_session))
            except (OSError, TimeoutError, DBAPIError) as error:
                if str(getattr(getattr(error, "orig", None), "sqlstate", "")).startswith(_REFUSED):
                    logger.exception("Postgres refused a part of the record", extra={"room": self._room})
                    return
                if not away:
                    logger.warning("Postgres is away: %s", type(error).__name__, extra={"room": self._room})
                away = True
                await asyncio.sleep(delay)
            else:
                if away:
                    logger.info("Postgres is back", extra={"room": self._room})
                return
