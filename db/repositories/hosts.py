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
    exists,
    func,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.status import Standing, Status
from db.models import CallRow, HostRow, ReplicaRow
from db.repositories.calls import OPEN


@dataclass(frozen=True)
class HostFigures:
    """What a host says of itself; `cpu` and `memory` are shares of its machine, between 0 and 1."""

    version: str
    agents: int
    active_calls: int
    cpu: float
    memory: float
    max_calls: int | None = None
    full: str | None = None
    """Why it has no room for another call; None when it has."""
    heeds: str = Standing.OPEN
    """The standing by which it acts."""


@dataclass(frozen=True)
class SeenHost:
    """A host, and how long ago it was heard of."""

    host: HostRow
    silence: timedelta

    @property
    def gone(self) -> bool:
        """It has left in order, and is remembered for its standing."""
        return not self.host.process


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

    async def saw(
        self, name: str, process: str, figures: HostFigures, age: timedelta = timedelta()
    ) -> Standing:
        """A host is there, its process that old, and says how it is; returns what operators want of it."""
        values = vars(figures) | {"name": name, "process": process, "last_seen_at": func.now()}
        born = func.now() - age
        statement = insert(HostRow).values(values | {"started_at": born})
        same = HostRow.process == process
        statement = statement.on_conflict_do_update(
            index_elements=["name"],
            set_=values | {"started_at": case((same, HostRow.started_at), else_=born)},
        )
        return Standing((await self._db_session.execute(statement.returning(HostRow.standing))).scalar_one())

    async def standing(self, name: str) -> Standing | None:
        """What operators want of a host; None where it is not known."""
        statement = select(HostRow.standing).where(HostRow.name == name)
        found = (await self._db_session.execute(statement)).scalar_one_or_none()
        return Standing(found) if found else None

    async def silence(self, name: str, process: str) -> timedelta | None:
        """How long ago that process was heard of; None when it was not, or has left."""
        statement = select(_silence_since(HostRow.last_seen_at)).where(
            HostRow.name == name, HostRow.process == process
        )
        return (await self._db_session.execute(statement)).scalar_one_or_none()

    async def is_lost(self, name: str, process: str, patience: timedelta) -> bool:
        """Whether that process is gone: another one has the host's name, or it was silent for longer than
        `patience` and others were not. One that left in order is not; after Postgres was away, none is."""
        found = select(HostRow.process).where(HostRow.name == name)
        now = (await self._db_session.execute(found)).scalar_one_or_none()
        silence, newest = await self.silence(name, process), await self.newest_silence()
        if silence is None or newest is None:
            return bool(now) and now != process
        return newest <= patience < silence

    async def carried(self, name: str) -> Sequence[CarriedReplica]:
        """The replicas that a host carries, as was told, or may carry: those that are not well told last of
        the host before. Those with callers there come first: they wait for another agent.
        """
        in_calls = exists().where(
            CallRow.agent_id == ReplicaRow.agent_id, CallRow.host == name, CallRow.status.in_(OPEN)
        )
        told = and_(ReplicaRow.host == name, ReplicaRow.status == Status.RUNNING)
        perhaps = ReplicaRow.status.in_([Status.STARTING, Status.DEGRADED, Status.DRAINING])
        columns = (ReplicaRow.id, ReplicaRow.agent_id, ReplicaRow.host)
        statement = select(*columns).where(or_(told, perhaps)).order_by(in_calls.desc())
        return [CarriedReplica(*row) for row in await self._db_session.execute(statement)]

    async def list(self, *, lock: bool = False) -> list[SeenHost]:
        """All that were heard of, by name; `lock` makes other writers of them wait."""
        statement = select(HostRow, _silence_since(HostRow.last_seen_at)).order_by(HostRow.name)
        if lock:
            statement = statement.with_for_update()
        return [SeenHost(host, silence) for host, silence in await self._db_session.execute(statement)]

    async def carriers(
        self, agent_id: UUID, version: int, patience: timedelta, *, with_room: bool = False
    ) -> set[str]:
        """The hosts on which a version takes calls, by what was told last; `with_room` only those that are
        not full. One that was silent for longer than `patience` is not there."""
        statement = (
            select(HostRow.name)
            .join(ReplicaRow, ReplicaRow.host == HostRow.name)
            .where(ReplicaRow.agent_id == agent_id, ReplicaRow.version == version)
            .where(ReplicaRow.status == Status.RUNNING, HostRow.standing != Standing.DRAINED)
            .where(HostRow.process != "", HostRow.last_seen_at >= func.now() - patience)
        )
        if with_room:
            statement = statement.where(HostRow.full.is_(None))
        return set((await self._db_session.execute(statement)).scalars())

    async def others_take_agents(self, name: str, patience: timedelta) -> bool:
        """Whether another host than that one is there and takes agents, and will: it is not about to go."""
        found = exists().where(
            HostRow.name != name,
            HostRow.process != "",
            HostRow.standing == Standing.OPEN,
            HostRow.heeds == Standing.OPEN,
            HostRow.last_seen_at >= func.now() - patience,
        )
        return bool((await self._db_session.execute(select(found))).scalar_one())

    async def newest_silence(self) -> timedelta | None:
        """How long ago any host was heard of; None when there never was one."""
        statement = select(_silence_since(func.max(HostRow.last_seen_at))).where(HostRow.process != "")
        return (await self._db_session.execute(statement)).scalar_one_or_none()

    async def leave(self, name: str, process: str) -> None:
        """A host has gone in order. It is forgotten, unless operators want something of it."""
        same = (HostRow.name == name, HostRow.process == process)
        await self._db_session.execute(delete(HostRow).where(*same, HostRow.standing == Standing.OPEN))
        nothing = {"process": "", "agents": 0, "active_calls": 0, "full": None}
        await self._db_session.execute(update(HostRow).where(*same).values(nothing))

    async def forget_silent(self, silence: timedelta, ordered: timedelta) -> None:
        """Hosts of which nothing was heard for `silence` will not come back; where operators want something
        of them, for `ordered`."""
        patience = case((HostRow.standing == Standing.OPEN, silence), else_=ordered)
        await self._db_session.execute(delete(HostRow).where(HostRow.last_seen_at < func.now() - patience))


def _silence_since(moment: SQLColumnExpression[datetime]) -> ColumnElement[timedelta]:
    return type_coerce(func.now() - moment, Interval())
