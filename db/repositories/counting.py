"""Counts calls that are over, each once: what is counted is found at once, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    String,
    Subquery,
    Uuid,
    any_,
    column,
    delete,
    func,
    literal,
    select,
    text,
    true,
    update,
    values,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import CallCountRow, CallMeasureRow, CallRow
from db.models.call import IS_OVER
from db.repositories import record
from db.repositories.measured import COUNTERS, PLATFORM, TURNS, VERSION, counters, day_of, hour_of, measured
from db.repositories.spans import DAY, HOUR, HOURS_KEPT

BATCH = 1000
"""Calls that are counted in one transaction."""

SETTLED = timedelta(minutes=5)
"""How long a call must have been over: its last words are written by then, and few callers come back."""

LOCK = 0x62696F6E5353
"""Counting is done by one at a time: two could wait for each other's rows."""

_KEY = ("agent_id", "span", "at", "version")


class CountingRepository:
    """Writes counts. Who changes what is counted takes it back first: it is counted again by itself."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def count(self, limit: int = BATCH, settled: timedelta = SETTLED) -> int:
        """Count some of the calls that are over since long enough; how many. 0 while another one counts."""
        if not (await self._db_session.execute(select(func.pg_try_advisory_xact_lock(LOCK)))).scalar_one():
            return 0
        # Calls that somebody is writing to are left out: their writers hold a lock on the call's row.
        ready = (
            select(CallRow.id)
            .where(text(IS_OVER), CallRow.turn_count.is_(None), CallRow.ended_at < func.now() - settled)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return len(await self._count(CallRow.id.in_(ready)))

    async def count_now(self, which: ColumnElement[bool]) -> None:
        """Count those of these calls at once that are over and not counted: they are about to be deleted."""
        ready = (text(IS_OVER), CallRow.turn_count.is_(None), which)
        locked = select(CallRow.id).where(*ready).with_for_update()
        ids = (await self._db_session.execute(locked)).scalars().all()
        if ids:
            await self._db_session.execute(select(func.pg_advisory_xact_lock(LOCK)))
            await self._count(CallRow.id == any_(literal(ids, ARRAY(Uuid))))

    async def _count(self, *which: ColumnElement[bool]) -> Sequence[UUID]:
        statement = update(CallRow).where(*which).values(turn_count=TURNS).returning(CallRow.id)
        statement = statement.execution_options(synchronize_session=False)
        ids = (await self._db_session.execute(statement)).scalars().all()
        await self._add(ids, 1)
        return ids

    async def before_writing(self, call_id: UUID) -> bool:
        """Take a call's count back before its record changes; False where nothing may be added to it.

        From now on until the transaction ends it is not counted.
        """
        row = (await self._db_session.execute(record.LOOK, {"call_id": call_id})).one_or_none()
        if row is None or not row[0]:
            return row is None or not row[1]
        if row[1]:
            return False
        await self.take_back(call_id)
        return True

    async def take_back(self, call_id: UUID) -> None:
        """A call is not counted any more; nothing happens where it was not, or what it said is deleted."""
        counted = (
            select(CallRow.id)
            .where(
                CallRow.id == call_id,
                CallRow.turn_count.is_not(None),
                CallRow.transcript_deleted_at.is_(None),
            )
            .with_for_update()
        )
        if (await self._db_session.execute(counted)).scalar_one_or_none() is None:
            return
        await self._db_session.execute(select(func.pg_advisory_xact_lock(LOCK)))
        await self._add([call_id], -1)
        statement = update(CallRow).where(CallRow.id == call_id).values(turn_count=None)
        await self._db_session.execute(statement.execution_options(synchronize_session=False))

    async def forget_hours(self) -> None:
        """Delete the hours that are not asked for any more; their days stay."""
        old = day_of(func.now() - HOURS_KEPT)
        for table in (CallCountRow, CallMeasureRow):
            statement = delete(table).where(table.span == HOUR, table.at < old)
            await self._db_session.execute(statement.execution_options(synchronize_session=False))

    async def _add(self, ids: Sequence[UUID], sign: int) -> None:
        if ids:
            which = CallRow.id == any_(literal(ids, ARRAY(Uuid)))
            await self._add_counts(which, sign)
            await self._add_measures(which, sign)

    async def _add_counts(self, which: ColumnElement[bool], sign: int) -> None:
        keys = (CallRow.agent_id, VERSION.label("version"), hour_of(CallRow.created_at).label("hour"))
        fine = select(*keys, *counters()).where(which).group_by(*keys).subquery("fine")
        places = _places(fine)
        keys = tuple(places.c[name] for name in _KEY)
        sums = [(func.sum(fine.c[name]) * sign).label(name) for name in COUNTERS]
        found = select(*keys, *sums).join(places, true()).group_by(*keys)
        statement = insert(CallCountRow).from_select([*_KEY, *COUNTERS], found)
        new = {name: getattr(CallCountRow, name) + statement.excluded[name] for name in COUNTERS}
        await self._db_session.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=new))

    async def _add_measures(self, which: ColumnElement[bool], sign: int) -> None:
        fine = measured(which)
        places = _places(fine)
        keys = (*(places.c[name] for name in _KEY), fine.c.measure)
        count = (func.sum(fine.c["count"]) * sign).label("count")
        summed = select(*keys, fine.c.bucket, count).join(places, true()).group_by(*keys, fine.c.bucket)
        wide = summed.subquery("wide").c
        keys = tuple(wide[name] for name in (*_KEY, "measure"))
        buckets = func.array_agg(aggregate_order_by(wide.bucket, wide.bucket))
        counts = func.array_agg(aggregate_order_by(wide["count"], wide.bucket))
        found = select(*keys, buckets, counts).group_by(*keys)
        names = [*_KEY, "measure"]
        statement = insert(CallMeasureRow).from_select([*names, "buckets", "counts"], found)
        merged = statement.on_conflict_do_update(index_elements=names, set_=_merged())
        await self._db_session.execute(merged)


def _places(fine: Subquery) -> Any:
    """Where a group of calls of one hour is counted: in that hour and its day, for its agent and for all."""
    columns = (column("agent_id", Uuid), column("span", String), column("at", DateTime(timezone=True)))
    hour, day = fine.c.hour, day_of(fine.c.hour)
    nobody = literal(0)
    everybody = literal(PLATFORM, Uuid)
    rows = [
        (fine.c.agent_id, literal(HOUR), hour, fine.c.version),
        (fine.c.agent_id, literal(DAY), day, fine.c.version),
        (everybody, literal(HOUR), hour, nobody),
        (everybody, literal(DAY), day, nobody),
    ]
    return values(*columns, column("version"), name="places").data(rows).lateral()


def _merged() -> dict[str, Any]:
    """Both histograms in one: the one that is there, and the one that comes."""
    return {
        "buckets": text(
            "(SELECT coalesce(array_agg(bucket ORDER BY bucket), '{}') FROM (SELECT bucket FROM"
            " unnest(call_measures.buckets || excluded.buckets, call_measures.counts || excluded.counts)"
            " AS both_of_them(bucket, n) GROUP BY bucket HAVING sum(n) <> 0) AS sums)"
        ),
        "counts": text(
            "(SELECT coalesce(array_agg(n ORDER BY bucket), '{}')"
            " FROM (SELECT bucket, sum(n)::bigint AS n FROM"
            " unnest(call_measures.buckets || excluded.buckets, call_measures.counts || excluded.counts)"
            " AS both_of_them(bucket, n) GROUP BY bucket HAVING sum(n) <> 0) AS sums)"
        ),
    }
