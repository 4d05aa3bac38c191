"""Statements behind the figures. Each is compiled once, and gets its range and agent as parameters: building
them and finding them in SQLAlchemy's cache took as long as Postgres took to answer."""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, String, TextClause, Uuid, and_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from common.status import CallStatus
from db.models import CallCountRow, CallMeasureRow, CallRow
from db.ready import ready
from db.repositories.measured import COUNTERS, PLATFORM, VERSION, counters, day_of, measured
from db.repositories.spans import HOUR, MOST_PIECES, Piece, Range

_STILL = (CallStatus.WAITING, CallStatus.ACTIVE, CallStatus.RECOVERING)

COUNTED = (*COUNTERS, *_STILL)
"""What is counted, in this order. What is kept is of calls that are over: it has the first alone."""

_AGENT = bindparam("agent", type_=Uuid())
_SINCE, _UNTIL = (bindparam(name, type_=DateTime(timezone=True)) for name in ("since", "until"))


def parameters(range_: Range, agent_id: UUID | None) -> dict[str, Any]:
    """What the statements ask for: the calls of a range, of an agent or of all."""
    asked = {"agent": agent_id or PLATFORM, "since": range_.since, "until": range_.until}
    none = Piece(HOUR, range_.since, range_.since)
    pieces = range_.pieces()
    for number, piece in enumerate([*pieces, *[none] * (MOST_PIECES - len(pieces))]):
        asked |= {
            f"span_{number}": piece.span,
            f"since_{number}": piece.since,
            f"until_{number}": piece.until,
        }
    return asked


@cache
def counts_kept() -> TextClause:
    """Of calls that are counted: when, version, counts."""
    row = CallCountRow
    return ready(select(row.at, row.version, *(getattr(row, name) for name in COUNTERS)).where(_kept(row)))


@cache
def measures_kept() -> TextClause:
    """Of calls that are counted: when, version, measure, buckets, counts."""
    row = CallMeasureRow
    return ready(select(row.at, row.version, row.measure, row.buckets, row.counts).where(_kept(row)))


@cache
def counts_live(*, of_agent: bool) -> TextClause:
    """Of calls that are not counted yet: as `counts_kept`."""
    keys = (day_of(CallRow.created_at), VERSION)
    still = [func.count().filter(CallRow.status == status) for status in _STILL]
    return ready(select(*keys, *counters(), *still).where(*_live(of_agent=of_agent)).group_by(*keys))


@cache
def measures_live(*, of_agent: bool) -> TextClause:
    """Of calls that are not counted yet: as `measures_kept`."""
    found = measured(*_live(of_agent=of_agent)).c
    order = (found.bucket, found.agent_id)
    buckets = func.array_agg(aggregate_order_by(found.bucket, *order))
    counts = func.array_agg(aggregate_order_by(found["count"], *order))
    keys = (found.hour, found.version, found.measure)
    return ready(select(*keys, buckets, counts).group_by(*keys))


def _kept(table: type[CallCountRow | CallMeasureRow]) -> ColumnElement[bool]:
    def _piece(number: int) -> ColumnElement[bool]:
        since, until = (
            bindparam(f"{name}_{number}", type_=DateTime(timezone=True)) for name in ("since", "until")
        )
        span = bindparam(f"span_{number}", type_=String())
        return and_(table.span == span, table.at >= since, table.at < until)

    return and_(table.agent_id == _AGENT, or_(*(_piece(number) for number in range(MOST_PIECES))))


def _live(*, of_agent: bool) -> list[ColumnElement[bool]]:
    which = [CallRow.turn_count.is_(None), CallRow.created_at >= _SINCE, CallRow.created_at < _UNTIL]
    return [*which, CallRow.agent_id == _AGENT] if of_agent else which
