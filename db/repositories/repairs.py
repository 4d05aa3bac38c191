"""Queries on what the reconciler put right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import RepairRow
from db.repositories.pages import Cursor, Page


@dataclass(frozen=True)
class NewRepair:
    """Something that was just put right."""

    kind: str
    agent_id: UUID | None
    subject: str
    what: str


class RepairRepository:
    """Reads and writes repairs."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def add(self, repairs: Sequence[NewRepair]) -> None:
        """Keep them."""
        self._db_session.add_all(RepairRow(**vars(each)) for each in repairs)
        await self._db_session.flush()

    async def list(self, agent_id: UUID | None, cursor: Cursor | None, limit: int) -> Page[RepairRow]:
        """A page of repairs, newest first; those of one agent where it is given."""
        statement = select(RepairRow).order_by(RepairRow.created_at.desc(), RepairRow.id.desc())
        if agent_id:
            statement = statement.where(RepairRow.agent_id == agent_id)
        if cursor:
            after = tuple_(cursor.created_at, cursor.id)
            statement = statement.where(tuple_(RepairRow.created_at, RepairRow.id) < after)
        found = list((await self._db_session.execute(statement.limit(limit + 1))).scalars())
        rows = found[:limit]
        last = rows[-1] if len(found) > limit else None
        return Page(rows, Cursor(last.created_at, last.id).encode() if last else None)

    async def by_kind(self, age: timedelta) -> dict[str, int]:
        """How many there were of each kind within `age`."""
        statement = (
            select(RepairRow.kind, func.count())
            .where(RepairRow.created_at > func.now() - age)
            .group_by(RepairRow.kind)
        )
        return {row[0]: row[1] for row in await self._db_session.execute(statement)}

    async def forget(self, age: timedelta) -> None:
        """Older ones are of no interest any more."""
        await self._db_session.execute(delete(RepairRow).where(RepairRow.created_at < func.now() - age))
