"""What a process logs about agents, its own lines and those of its calls, is kept in Postgres for hours.

Only lines that name an agent (`extra={"agent": …}`, or livekit-agents' `agent_name`) are kept.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from common.logs import KeyValueFormatter, is_news
from db.engine import Database
from db.repositories.agent_logs import AgentLogRepository, LogLine

logger = logging.getLogger(__name__)

_COUNTER = count()

MOST_WAITING = 5000
"""Lines kept while Postgres is away or slow. Beyond it the agent that has the most loses its oldest."""

MOST_TEXT = 8000
"""Characters of a line. The end of a longer one says more than its middle: a traceback's error is there."""
HEAD = 2000

BATCH = 500
WRITE_SECONDS = 0.5
"""Between two writes; with `BATCH` it is what a host may log in the long run: 1000 lines a second."""
AWAY_SECONDS = 2.0
MOST_REFUSALS = 3
"""An agent deleted in the very moment is a reason to try again; a line that Postgres never takes is not."""
FLUSH_SECONDS = 3.0
"""How long a process that ends tries to write what is left."""

_REFUSED = ("22", "23")
_KNOWN_OTHERWISE = ("agent", "agent_name", "job", "job_id", "room", "room_id", "pid")
"""Extras that the agent or the call stand for."""


class AgentLogs(logging.Handler):
    """Collects lines, from any thread, until they are taken. Nobody who logs ever waits."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.setFormatter(KeyValueFormatter("%(message)s", without=_KNOWN_OTHERWISE))
        self.addFilter(is_news)
        self._source = source
        self._waiting: dict[str, deque[LogLine]] = {}
        """By agent, so that none that is noisy costs another one its lines."""
        self._count = 0
        self._dropped: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line about an agent; others are no business of ours."""
        agent = getattr(record, "agent", None) or getattr(record, "agent_name", None)
        if not isinstance(agent, str):
            return
        try:
            self._add(agent.partition("@")[0], self._line(agent, record))
        except Exception:  # noqa: BLE001 - logging must never break what logs
            self.handleError(record)

    def _line(self, agent: str, record: logging.LogRecord) -> LogLine:
        room = getattr(record, "room", None)
        agent_id = _as_id(agent)
        return LogLine(
            id=_next_id(),
            at=datetime.fromtimestamp(record.created, UTC),
            level=record.levelno,
            source=self._source,
            # Its secrets are blotted out before it is cut: half a secret would not be recognised.
            text=_storable(_cut(self.format(record))),
            slug=None if agent_id else _storable(agent.partition("@")[0]),
            agent_id=agent_id,
            room=_storable(room) if isinstance(room, str) else None,
        )

    def _add(self, key: str, line: LogLine) -> None:
        if self._count >= MOST_WAITING:
            noisiest = max(self._waiting, key=lambda agent: len(self._waiting[agent]))
            self._pop(noisiest)
            self._dropped[noisiest] += 1
        self._waiting.setdefault(key, deque()).append(line)
        self._count += 1

    def _pop(self, key: str) -> LogLine:
        lines = self._waiting[key]
        line = lines.popleft()
        self._count -= 1
        if not lines:
            del self._waiting[key]
        return line

    def take(self) -> list[LogLine]:
        """Up to `BATCH` of the lines that wait, some of each agent; of what was dropped, a line says so."""
        taken: list[LogLine] = []
        self.acquire()  # held while lines are added, too
        try:
            while self._waiting and len(taken) < BATCH:
                for key in list(self._waiting):
                    line = self._pop(key)
                    if dropped := self._dropped.pop(key, 0):
                        taken.append(_note(line, dropped))
                    taken.append(line)
        finally:
            self.release()
        return taken

    @property
    def waiting(self) -> int:
        """How many lines wait."""
        return self._count


class LogWriter:
    """Writes what is collected, in batches, and tries again for ever while Postgres is away."""

    def __init__(self, logs: AgentLogs, database: Database) -> None:
        self._logs = logs
        self._database = database
        self._batch: list[LogLine] = []
        self._refusals = 0
        self._away = False

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await asyncio.sleep(AWAY_SECONDS if self._away else WRITE_SECONDS)
            await self._write()

    async def flush(self) -> None:
        """Write what is left; give up after `FLUSH_SECONDS`."""
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                while self._batch or self._logs.waiting:
                    await self._write()
                    if self._away:
                        await asyncio.sleep(WRITE_SECONDS)
        except TimeoutError:
            lost = len(self._batch) + self._logs.waiting
            logger.error("lines about agents are lost: Postgres is away", extra={"lines": lost})

    async def _write(self) -> None:
        # Kept until Postgres has it, also when this is cancelled: written twice, it is there once.
        self._batch = self._batch or self._logs.take()
        if not self._batch:
            return
        try:
            async with self._database.begin() as db_session:
                await AgentLogRepository(db_session).add(self._batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next try may go well
            self._failed(error)
            return
        if self._away:
            logger.info("Postgres takes what is logged about agents again")
        self._batch, self._refusals, self._away = [], 0, False

    def _failed(self, error: Exception) -> None:
        state = str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")
        if not self._away:
            # The error itself may hold what was to be written.
            logger.warning("Postgres does not take what is logged about agents: %s", type(error).__name__)
        self._away = True
        self._refusals += state.startswith(_REFUSED)
        if self._refusals >= MOST_REFUSALS:
            logger.error("Postgres refused lines about agents", extra={"lines": len(self._batch)})
            self._batch, self._refusals = [], 0


@asynccontextmanager
async def kept_agent_logs(database: Database, source: str) -> AsyncIterator[None]:
    """Keep what is logged about agents during the block; `source` is what this process is called there."""
    logs = AgentLogs(source)
    writer = LogWriter(logs, database)
    task = asyncio.create_task(writer.run(), name="agent logs")
    logging.getLogger().addHandler(logs)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(logs)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await writer.flush()


def _next_id() -> UUID:
    """Greater than the one before: lines of the same moment stay in their order."""
    return UUID(int=(time.time_ns() << 64) | (next(_COUNTER) % 2**32 << 32) | random.getrandbits(32))


def _as_id(agent: str) -> UUID | None:
    try:
        return UUID(agent)
    except ValueError:
        return None


def _cut(text: str) -> str:
    if len(text) <= MOST_TEXT:
        return text
    left_out = len(text) - MOST_TEXT
    return f"{text[:HEAD]}\n[… {left_out} characters left out …]\n{text[HEAD - MOST_TEXT :]}"


def _storable(text: str) -> str:
    """Postgres takes neither NUL nor half a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _note(line: LogLine, dropped: int) -> LogLine:
    """A line that stands before `line` for those that are missing."""
    return LogLine(
        id=_next_id(),
        at=line.at - timedelta(microseconds=1),
        level=logging.WARNING,
        source=line.source,
        text=f"{dropped} lines before this one were dropped: Postgres was away, or too much was logged.",
        slug=line.slug,
        agent_id=line.agent_id,
    )
