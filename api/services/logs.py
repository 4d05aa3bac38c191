"""What agents logged: reading it, and forgetting it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from api.postgres import Postgres
from api.schemas.logs import LogItem, LogPage
from api.services.calls import instant
from common.logs import LogLevel
from common.settings import Settings
from db.repositories.agent_logs import BATCH, AgentLogRepository, LogFilter
from db.repositories.agents import AgentRepository
from db.repositories.pages import Cursor

DEFAULT_LINES = 200
MAX_LINES = 1000
_UNLESS_SAID = timedelta(hours=1)

MOST_OF_AN_AGENT = 50_000
"""Lines kept of one agent: one that is noisy must not fill the disk."""

_LATELY = timedelta(minutes=5)
"""Who logged nothing for so long has not more lines than at the last sweep."""

_MOST_BATCHES = 50
"""In one sweep."""

_log = logging.getLogger("bionic.api")


@dataclass(frozen=True)
class LogQuery:
    """Which lines to list, as it was asked."""

    since: datetime | None
    level: LogLevel
    cursor: str | None
    limit: int


@dataclass(frozen=True)
class LogService:
    """Reads what agents logged."""

    postgres: Postgres

    async def list(self, ref: str, query: LogQuery) -> LogPage:
        """A page of an agent's lines, oldest first; without `since` and a cursor, those of the last hour.

        Raises:
            NotFound: there is no such agent.
            InvalidInput: the cursor or the moment is not valid.
        """
        cursor = Cursor.decode(query.cursor)
        since = instant(query.since, "/since")
        if since is None and cursor is None:
            since = datetime.now(UTC) - _UNLESS_SAID
        async with self.postgres.begin() as db_session:
            agent = await AgentRepository(db_session, self.postgres.box).get(ref)
            # Livekit-agents has levels below debug.
            level = 0 if query.level is LogLevel.DEBUG else query.level.number
            wanted = LogFilter(agent.id, since, level)
            page = await AgentLogRepository(db_session).list(wanted, cursor, query.limit)
        return LogPage(items=[LogItem.of(row) for row in page.items], next_cursor=page.next_cursor)


@dataclass(frozen=True)
class LogRetention:
    """Deletes lines that are old, and those of agents that have too many."""

    postgres: Postgres
    settings: Settings

    async def sweep(self) -> int:
        """Delete them, in batches; how many there were."""
        age = timedelta(hours=self.settings.bionic_log_hours)
        old = await self._batches(lambda logs: logs.forget(age))
        many = await self._batches(lambda logs: logs.trim(MOST_OF_AN_AGENT, _LATELY))
        if many:
            _log.warning("%d lines of agents that log more than %d were deleted", many, MOST_OF_AN_AGENT)
        return old + many

    async def _batches(self, delete: Callable[[AgentLogRepository], Awaitable[int]]) -> int:
        total = 0
        for _ in range(_MOST_BATCHES):
            async with self.postgres.begin() as db_session:
                count = await delete(AgentLogRepository(db_session))
            total += count
            if count < BATCH:
                break
        return total
