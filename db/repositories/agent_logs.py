"""Queries on what agents logged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Select,
    SmallInteger,
    TableValuedAlias,
    Text,
    Uuid,
    and_,
    column,
    delete,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from db.models import AgentLogRow, AgentRow, CallRow
from db.repositories.pages import Cursor, Page

BATCH = 5000
"""Lines that are deleted at once, at most."""

_KEY = (AgentLogRow.agent_id, AgentLogRow.at, AgentLogRow.id)


@dataclass(frozen=True)
class LogLine:
    """A line as a process logged it: it knows the agent's slug or its id, and the call's room."""

    id: UUID
    at: datetime
    level: int
    source: str
    text: str
    slug: str | None = None
    agent_id: UUID | None = None
    room: str | None = None


@dataclass(frozen=True)
class LogFilter:
    """Which lines of an agent to read."""

    agent_id: UUID
    since: datetime | None
    level: int


class AgentLogRepository:
    """Reads and writes lines."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def add(self, lines: Sequence[LogLine]) -> None:
        """Write lines. One that is written already stays as it is; those of an agent that is gone are not."""
        given = _given(lines).c
        agent = or_(AgentRow.slug == given.slug, AgentRow.id == given.agent_id)
        call = and_(CallRow.room == given.room, CallRow.agent_id == AgentRow.id)
        found = (
            select(AgentRow.id, given.at, given.id, given.level, given.source, CallRow.id, given.text)
            .join(AgentRow, agent)
            .outerjoin(CallRow, call)
        )
        names = ["agent_id", "at", "id", "level", "source", "call_id", "text"]
        statement = insert(AgentLogRow).from_select(names, found)
        await self._db_session.execute(statement.on_conflict_do_nothing())

    async def list(self, wanted: LogFilter, cursor: Cursor | None, limit: int) -> Page[AgentLogRow]:
        """A page of an agent's lines, oldest first."""
        statement = (
            select(AgentLogRow)
            .where(AgentLogRow.agent_id == wanted.agent_id, AgentLogRow.level >= wanted.level)
            .order_by(AgentLogRow.at, AgentLogRow.id)
            .limit(limit + 1)
        )
        if wanted.since:
            statement = statement.where(AgentLogRow.at >= wanted.since)
        if cursor:
            statement = statement.where(
                tuple_(AgentLogRow.at, AgentLogRow.id) > tuple_(cursor.created_at, cursor.id)
            )
        rows = list((await self._db_session.execute(statement)).scalars())
        more, rows = len(rows) > limit, rows[:limit]
        return Page(rows, Cursor(rows[-1].at, rows[-1].id).encode() if more else None)

    async def forget(self, age: timedelta) -> int:
        """Delete the oldest of the lines that are older than `age`; how many."""
        old = select(*_KEY).where(AgentLogRow.at < func.now() - age).order_by(AgentLogRow.at)
        return await self._delete(old)

    async def trim(self, most: int, lately: timedelta) -> int:
        """Delete lines of agents that logged `lately` and have more than the `most` newest; how many.

        Only the index is looked at, but for what is deleted: it is done again and again, and most often for
        nothing.
        """
        recent = (
            select(AgentLogRow.agent_id).where(AgentLogRow.at > func.now() - lately).distinct().subquery()
        )
        edge = (
            select(AgentLogRow.at, AgentLogRow.id)
            .where(AgentLogRow.agent_id == recent.c.agent_id)
            .order_by(AgentLogRow.at.desc(), AgentLogRow.id.desc())
            .offset(most)
            .limit(1)
            .lateral()
        )
        found = select(recent.c.agent_id, edge.c.at, edge.c.id).select_from(recent).join(edge, true())
        count = 0
        for agent_id, at, line_id in (await self._db_session.execute(found)).all():
            surplus = select(*_KEY).where(
                AgentLogRow.agent_id == agent_id,
                tuple_(AgentLogRow.at, AgentLogRow.id) <= tuple_(at, line_id),
            )
            count += await self._delete(surplus)
        return count

    async def _delete(self, found: Select[UUID, datetime, UUID]) -> int:
        # Several processes of the API may sweep at once: none waits for what another one deletes.
        batch = found.limit(BATCH).with_for_update(skip_locked=True, of=AgentLogRow)
        statement = (
            delete(AgentLogRow)
            .where(tuple_(*_KEY).in_(batch))
            .returning(AgentLogRow.id)
            .execution_options(synchronize_session=False)
        )
        return len((await self._db_session.execute(statement)).all())


def _given(lines: Sequence[LogLine]) -> TableValuedAlias:
    """The lines as a table, in one parameter for each column."""
    types: dict[str, TypeEngine[Any]] = {
        "id": Uuid(),
        "at": DateTime(timezone=True),
        "level": SmallInteger(),
        "source": Text(),
        "text": Text(),
        "slug": Text(),
        "agent_id": Uuid(),
        "room": Text(),
    }
    values: list[ColumnElement[Any]] = [
        literal([getattr(line, name) for line in lines], ARRAY(kind)) for name, kind in types.items()
    ]
    columns = [column(name, kind) for name, kind in types.items()]
    return func.unnest(*values).table_valued(*columns, name="given").render_derived()
