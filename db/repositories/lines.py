"""How many more callers an agent can serve: the free lines of the hosts that carry it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, literal_column, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from common.status import CallStatus, Standing, Status
from db.models import CallRow, HostRow, ReplicaRow

ON_THE_WAY = timedelta(seconds=15)
"""A caller who has a token is expected for so long, and a line is kept. Whoever comes later comes all the
same, but is not reckoned with: otherwise tokens that nobody uses would keep callers away."""

HANDING_OVER = timedelta(minutes=1)
"""An agent of a host that is being drained still takes calls for so long, there or on its next host."""

_LOCK = 0x6C696E6573
_ON_ITS_WAY = (Status.STARTING, Status.DEGRADED)


@dataclass(frozen=True)
class Lines:
    """Of one version of an agent."""

    hosts: int
    """That are there and carry it."""
    free: float
    """Calls that those still have room for; infinite where one does not say what it takes."""


def up_since() -> ColumnElement[datetime]:
    """Before this, Postgres was down and nobody could speak to it."""
    return func.pg_postmaster_start_time()


class LineRepository:
    """Reckons with what hosts last said of themselves, and with callers who are on their way."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def of(self, agent_id: UUID, version: int, patience: timedelta) -> Lines:
        """The lines of a version. A host that was silent for longer than `patience` is not there.

        What was told of a replica before its host's process began is over, and one that is not registered may
        be about to be: both count where their host carries something. It may have them by now, and who would
        tell, the control worker, may be away.
        """
        carried = exists().where(
            ReplicaRow.agent_id == agent_id,
            ReplicaRow.version == version,
            ReplicaRow.host == HostRow.name,
            or_(
                and_(ReplicaRow.status == Status.RUNNING, ReplicaRow.updated_at >= HostRow.started_at),
                and_(ReplicaRow.status.in_([Status.RUNNING, *_ON_ITS_WAY]), HostRow.agents > 0),
            ),
        )
        heard = func.greatest(HostRow.last_seen_at, up_since())
        moving = HostRow.ordered_at > func.now() - HANDING_OVER
        there = (
            select(HostRow.name, HostRow.full, HostRow.max_calls, HostRow.active_calls)
            .where(HostRow.process != "", heard >= func.now() - patience, carried)
            .where(or_(HostRow.standing != Standing.DRAINED, moving))
            .cte("there")
        )
        # Any agent's callers may come to these hosts. Said outright, so that the index on open calls is used.
        coming = (
            select(func.count())
            .select_from(CallRow)
            .where(literal_column(f"calls.status = '{CallStatus.WAITING}'"))
            .where(CallRow.created_at > func.now() - ON_THE_WAY)
            .where(
                exists().where(
                    ReplicaRow.agent_id == CallRow.agent_id,
                    ReplicaRow.status == Status.RUNNING,
                    ReplicaRow.host.in_(select(there.c.name)),
                )
            )
            .scalar_subquery()
        )
        rows = (await self._db_session.execute(select(there, coming))).all()
        free = -float(rows[0][-1]) if rows else 0.0
        for _, full, most, now, _ in rows:
            if full is None:
                free += math.inf if most is None else most - now
        return Lines(len(rows), free)

    async def in_turn(self) -> None:
        """Wait for others who count lines in their transactions, until this one ends: where few are left, two
        must not take the same."""
        await self._db_session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
