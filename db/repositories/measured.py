"""What is counted and measured of calls: the same where it is kept and where it is looked up live."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Double,
    String,
    Subquery,
    case,
    column,
    extract,
    func,
    literal,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import InstrumentedAttribute

from common.status import CallStatus
from db.histograms import bucket_of, countable
from db.models import CallRow, TurnRow

PLATFORM = UUID(int=0)
"""In place of an agent: all of them."""

DURATION, JOIN_TIME = "duration", "join_time"
LATENCIES = ("transcription_delay", "end_of_turn_delay", "llm_node_ttft", "tts_node_ttfb", "e2e_latency")

CLOSED = (CallStatus.ENDED, CallStatus.FAILED, CallStatus.ABANDONED)
COUNTERS = (*CLOSED, "recovered", "recoveries", "crashes", "turns", "seconds")
"""The columns of `call_counts`."""

VERSION = func.coalesce(CallRow.version, 0)
TURNS = func.coalesce(
    CallRow.turn_count,
    select(func.count()).where(TurnRow.call_id == CallRow.id).correlate(CallRow).scalar_subquery(),
)
_SECONDS = extract("epoch", CallRow.ended_at - CallRow.started_at).cast(Double)
_WAITED = extract("epoch", CallRow.started_at - CallRow.caller_joined_at).cast(Double)
_JOINED = case((_WAITED < 0, 0.0), else_=_WAITED)


def hour_of(at: ColumnElement[Any] | InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    """The hour of a moment, UTC."""
    return func.date_trunc("hour", at, "UTC")


def day_of(at: ColumnElement[Any] | InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    """The day of a moment, UTC."""
    return func.date_trunc("day", at, "UTC")


def counters() -> list[ColumnElement[Any]]:
    """Of a group of calls: in the order of `COUNTERS`."""
    by_status = [func.count().filter(CallRow.status == status).label(status) for status in CLOSED]
    return [
        *by_status,
        func.count().filter(CallRow.attempt > 1).label("recovered"),
        func.sum(CallRow.attempt - 1).label("recoveries"),
        func.sum(CallRow.crashes).label("crashes"),
        func.sum(TURNS).label("turns"),
        func.coalesce(func.sum(_SECONDS), 0.0).label("seconds"),
    ]


def measured(*which: ColumnElement[bool]) -> Subquery:
    """How often each bucket is met in these calls: agent_id, version, hour, measure, bucket, count."""
    of_call = _named({DURATION: _SECONDS, JOIN_TIME: _JOINED}, "of_call")
    of_turn = _named({name: getattr(TurnRow, name) for name in LATENCIES}, "of_turn")
    head = (CallRow.agent_id, VERSION.label("version"), hour_of(CallRow.created_at).label("hour"))
    each = union_all(
        select(*head, of_call.c.measure, of_call.c.seconds).join(of_call, true()).where(*which),
        select(*head, of_turn.c.measure, of_turn.c.seconds)
        .join(TurnRow, TurnRow.call_id == CallRow.id)
        .join(of_turn, true())
        .where(*which),
    ).subquery("each")
    bucket = bucket_of(each.c.seconds).label("bucket")
    keys = (each.c.agent_id, each.c.version, each.c.hour, each.c.measure, bucket)
    counted = select(*keys, func.count().label("count")).where(countable(each.c.seconds))
    return counted.group_by(*keys).subquery("measured")


def _named(parts: dict[str, ColumnElement[float]], name: str) -> Any:
    """A row for each of them. Not as VALUES: SQLAlchemy would compile such a statement each time anew."""
    columns = (column("measure", String), column("seconds", Double))
    arrays = (literal(list(parts), ARRAY(String)), array(parts.values()))
    return func.unnest(*arrays).table_valued(*columns, name=name).render_derived().lateral()
