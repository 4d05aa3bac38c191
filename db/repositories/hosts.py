"""Queries on runtime hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Interval,
    SQLColumnExpression,
    and_,
    case,
    delete,
    func,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.status import Status
from db.models import HostRow, ReplicaRow


@dataclass(frozen=True)
class HostFigures:
    """What a host says of itself; `cpu` and `memory` are shares of its machine, between 0 and 1."""

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


@dataclass(frozen=True)
class CarriedReplica:
    """A replica that a host said it carries."""

    id: str
    agent_id: UUID
    host: str | None
    """That told of it last."""


class HostRepository:
    """Reads and writes hosts."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def saw(self, name: str, process: str, figures: HostFigures) -> None:
        """A host is there, and says how it is."""
        values = vars(figures) | {"name": name, "process": process, "last_seen_at": func.now()}
        same = HostRow.process == process
        began = case((same, HostRow.started_at), else_=func.now())
        statement = insert(HostRow).values(values)
        await self._db_session.execute(
            statement.on_conflict_do_update(index_elements=["name"], set_=values | {"started_at": began})
        )

    async def silence(self, name: str, process: str) -> timedelta | None:
        """How long ago that process was heard of; None when it was not, or has left."""
        statement = select(_silence_since(HostRow.last_seen_at)).where(
            HostRow.name == name, HostRow.process == process
        )
        return (await self._db_session.execute(statement)).scalar_one_or_none()

    async def carried(self, name: str) -> Sequence[CarriedReplica]:
        """The replicas that a host carries, as was told, or may carry: those that are not well told last of
        the host before."""
        told = and_(ReplicaRow.host == name, ReplicaRow.status == Status.RUNNING)
        perhaps = ReplicaRow.status.in_([Status.STARTING, Status.DEGRADED, Status.DRAINING])
        statement = select(ReplicaRow.id, ReplicaRow.agent_id, ReplicaRow.host).where(or_(told, perhaps))
        return [CarriedReplica(*row) for row in await self._db_session.execute(statement)]

    async def list(self) -> list[SeenHost]:
        """All that were heard of, by name."""
        statement = select(HostRow, _silence_since(HostRow.last_seen_at)).order_by(HostRow.name)
        return [SeenHost(host, silence) for host, silence in await self._db_session.execute(statement)]

    async def newest_silence(self) -> timedelta | None:
        """How long ago any host was heard of; None when there never was one."""
        statement = select(_silence_since(func.max(HostRow.last_seen_at)))
        return (await self._db_session.execute(statement)).scalar_one_or_none()

    async def forget(self, name: str, process: str) -> None:
        """A host has gone in order."""
        gone = delete(HostRow).where(HostRow.name == name, HostRow.process == process)
        await self._db_session.execute(gone)

    async def forget_silent(self, silence: timedelta) -> None:
        """Hosts of which nothing was heard for `silence` will not come back."""
        await self._db_session.execute(delete(HostRow).where(HostRow.last_seen_at < func.now() - silence))


def _silence_since(moment: SQLColumnExpression[datetime]) -> ColumnElement[timedelta]:
    return type_coerce(func.now() - moment, Interval())
