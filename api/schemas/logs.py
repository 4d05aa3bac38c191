"""Lines of agents' logs, as they go out."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from api.schemas.base import Answer
from common.logs import LogLevel
from db.models import AgentLogRow


class LogItem(Answer):
    """One line."""

    at: datetime
    level: LogLevel
    source: str
    """The host that wrote it, or `control`."""
    call_id: UUID | None
    text: str
    """May have several lines itself, as a traceback has."""

    @classmethod
    def of(cls, row: AgentLogRow) -> LogItem:
        """The answer for a row."""
        level = LogLevel.of(row.level)
        return cls(at=row.at, level=level, source=row.source, call_id=row.call_id, text=row.text)


class LogPage(Answer):
    """A page of lines, oldest first."""

    items: list[LogItem]
    next_cursor: str | None
