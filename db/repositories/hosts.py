"""Queries on runtime hosts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Interval, SQLColumnExpression, delete, func, select, type_coerce
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import HostRow


@dataclass(frozen=True)
class HostFigures:
    """What a host says of itself; `cpu` and `memory` are shares of its machine, between 0 and 1."""

    name: str
    version: str
    agents: int
    active_calls: int
    cpu: float
    memory: float


@dataclass(frozen=True)
class SeenHost:
    """A host, and how long ago it was heard of."""

    host: HostRow
    silence: timedelta


class HostRepository:
    """Reads and writes hosts."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def saw(self, figures: HostFigures) -> None:
        """A host is there, and says how it is."""
        values = vars(figures) | {"last_seen_at": func.now()}
        statement = insert(HostRow).values(values).on_conflict_do_update(index_elements=["name"], set_=values)
        await self._db_session.execute(statement)

    async def list(self) -> list[SeenHost]:
        """All that were heard of, by name."""
        statement = select(HostRow, _silence_since(HostRow.last_seen_at)).order_by(HostRow.name)
        return [SeenHost(host, silence) for host, silence in await self._db_session.execute(statement)]

    async def newest_silence(self) -> timedelta | None:
        """How long ago any host was heard of; None when there never was one."""
        statement = select(_silence_since(func.max(HostRow.last_seen_at)))
        return (await self._db_session.execute(statement)).scalar_one_or_none()

    async def forget(self, name: str) -> None:
        """A host has gone in order."""
        await self._db_session.execute(delete(HostRow).where(HostRow.name == name))

    async def forget_silent(self, silence: timedelta) -> None:
        """Hosts of which nothing was heard for `silence` will not come back."""
        await self._db_session.execute(delete(HostRow).where(HostRow.last_seen_at < func.now() - silence))


def _silence_since(moment: SQLColumnExpression[datetime]) -> ColumnElement[timedelta]:
    return type_coerce(func.now() - moment, Interval())
