"""Queries on the outbox: telling what happened, numbering it, reading it in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    FromClause,
    Select,
    SQLColumnExpression,
    and_,
    delete,
    func,
    literal,
    null,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.causes import Cause
from common.events import TOLD, EventKind
from db.models import NUMBERS, TROUBLE, AgentRow, EventRow, WebhookDeliveryRow, WebhookEndpointRow

CHANNEL = "bionic_events"
"""On which Postgres says that there are new numbers."""

RETRIED_FOR = timedelta(days=1)
"""How long a delivery is tried again and again."""

MOST_REASON = 2000
"""Characters: an event is news, and no place for a traceback."""

BATCH = 500
"""Events that are numbered at once, at most; it bounds how long others wait for it."""

FORGET_BATCH = 5000
_LOCK = 0x62696F6E69630001
"""Held by whoever numbers events. A number of our own choice among Postgres' advisory locks."""
_PATIENCE = "5s"
"""After which Postgres takes the lock away from one that is frozen while it holds it."""


@dataclass(frozen=True)
class EventFilter:
    """Which events to read."""

    kinds: Collection[EventKind] = TOLD
    agent_id: UUID | None = None

    def takes(self, row: EventRow) -> bool:
        """The same in Python."""
        return row.kind in self.kinds and self.agent_id in {None, row.agent_id}


@dataclass(frozen=True)
class Span:
    """Which numbers there are, of events that are still kept."""

    first: int | None
    last: int
    """0 where there is none."""
    ever: int
    """The highest one that was ever given, or is being given."""


def document(event: EventRow) -> dict[str, Any]:
    """An event as others are told of it, by webhook and in the stream."""
    ids = {"agentId": event.agent_id, "callId": event.call_id, "deploymentId": event.deployment_id}
    return {
        "id": f"evt_{event.uid.hex}",
        "type": event.kind,
        "timestamp": event.at.astimezone(UTC).isoformat(),
        "data": {name: str(value) for name, value in ids.items() if value} | event.data,
    }


def told(
    name: str,
    source: FromClause,
    *,
    kind: SQLColumnExpression[Any] | EventKind,
    agent_id: SQLColumnExpression[Any],
    call_id: SQLColumnExpression[Any] | None = None,
    deployment_id: SQLColumnExpression[Any] | None = None,
    at: SQLColumnExpression[Any] | None = None,
    data: Mapping[str, SQLColumnExpression[Any]],
    where: SQLColumnExpression[bool] | None = None,
    order_by: SQLColumnExpression[Any] | None = None,
) -> CTE:
    """The events of the rows of `source`, as a part (`add_cte`) of the statement that made them.

    So an event is told exactly when its change is made, and costs no round trip of its own. The agent's slug
    is added to its data.
    """
    slug = select(AgentRow.slug).where(AgentRow.id == agent_id).scalar_subquery()
    pairs: list[SQLColumnExpression[Any]] = [literal("agentSlug"), slug]
    for key, value in data.items():
        pairs += [literal(key), value]
    columns: dict[str, Any] = {
        "kind": literal(kind) if isinstance(kind, EventKind) else kind,
        "agent_id": agent_id,
        "call_id": null() if call_id is None else call_id,
        "deployment_id": null() if deployment_id is None else deployment_id,
        "at": func.now() if at is None else at,
        "data": func.jsonb_build_object(*pairs),
    }
    found: Select[Any] = select(*columns.values()).select_from(source)
    if where is not None:
        found = found.where(where)
    if order_by is not None:
        found = found.order_by(order_by)
    return insert(EventRow).from_select(list(columns), found).returning(EventRow.id).cte(name)


def reason_of(said: SQLColumnExpression[Any]) -> SQLColumnExpression[Any]:
    """Why something happened, not longer than an event should be."""
    return func.left(said, MOST_REASON)


class EventRepository:
    """Reads and writes events."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def add(
        self,
        kind: EventKind,
        data: dict[str, Any],
        *,
        agent_id: UUID | None = None,
        call_id: UUID | None = None,
        deployment_id: UUID | None = None,
    ) -> EventRow:
        """Tell of something that changes in this transaction."""
        ids = {"agent_id": agent_id, "call_id": call_id, "deployment_id": deployment_id}
        row = EventRow(kind=kind, data=data, **ids)
        self._db_session.add(row)
        await self._db_session.flush()
        return row

    async def trouble(self, age: timedelta) -> dict[tuple[str, Cause], int]:
        """How often, within `age`, an agent was replaced in a call, or none came: by kind and cause."""
        cause, count = EventRow.data["cause"].astext, Counter[tuple[str, Cause]]()
        statement = (
            select(EventRow.kind, cause, func.count())
            .where(text(TROUBLE), EventRow.at > func.now() - age)
            .group_by(EventRow.kind, cause)
        )
        for kind, said, number in await self._db_session.execute(statement):
            count[kind, Cause(said)] += number
        return count

    async def are_new(self) -> bool:
        """Whether events wait for their numbers."""
        found = select(EventRow.id).where(EventRow.number.is_(None)).limit(1)
        return (await self._db_session.execute(found)).scalar() is not None

    async def publish(self) -> int:
        """Number what is new, in the order of writing, and address it to endpoints; how many there were.

        Numbers can't be given by those who write: of two transactions at once, the one with the higher number
        may be committed first, and whoever reads on from there would never see the other. So they are given
        to what is committed, by one at a time, whose own commit shows them all at once. Where somebody else
        is at it, nothing is done: it is the same work.
        """
        first = func.pg_try_advisory_xact_lock(_LOCK)
        patience = func.set_config("idle_in_transaction_session_timeout", _PATIENCE, True)  # noqa: FBT003
        mine, _ = (await self._db_session.execute(select(first, patience))).one()
        if not mine:
            return 0
        # A statement of its own: it sees what was committed until the lock was had.
        count = (await self._db_session.execute(_numbered())).scalar_one()
        if count:
            # Here and not where events are written: commits that notify wait for each other.
            await self._db_session.execute(select(func.pg_notify(CHANNEL, "")))
        return count

    async def span(self) -> Span:
        """The numbers that are there."""
        given = text("(SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM event_numbers)")
        found = select(func.min(EventRow.number), func.max(EventRow.number), given)
        first, last, ever = (await self._db_session.execute(found)).one()
        return Span(first, last or 0, ever)

    async def read(self, after: int, upto: int, wanted: EventFilter, limit: int) -> Sequence[EventRow]:
        """Events with numbers in (`after`, `upto`], in order, `limit` at most."""
        statement = (
            select(EventRow)
            .where(EventRow.number > after, EventRow.number <= upto, EventRow.kind.in_(wanted.kinds))
            .order_by(EventRow.number)
            .limit(limit)
        )
        if wanted.agent_id:
            statement = statement.where(EventRow.agent_id == wanted.agent_id)
        return (await self._db_session.execute(statement)).scalars().all()

    async def forget(self, age: timedelta) -> int:
        """Delete the oldest of those older than `age`, with their deliveries; how many."""
        # They lie in the order of time: only the beginning of the table is looked at.
        oldest = select(EventRow.id, EventRow.at).order_by(EventRow.id).limit(FORGET_BATCH).subquery()
        old = select(oldest.c.id).where(oldest.c.at < func.now() - age)
        statement = (
            delete(EventRow)
            .where(EventRow.id.in_(old), EventRow.number.is_not(None))
            .returning(EventRow.id)
            .execution_options(synchronize_session=False)
        )
        return len((await self._db_session.execute(statement)).all())


def _numbered() -> Select[int]:
    """Give numbers, and make the deliveries to those who want to know; how many events there were."""
    fresh = select(EventRow.id).where(EventRow.number.is_(None)).order_by(EventRow.id).limit(BATCH).subquery()
    ordered = select(fresh.c.id, NUMBERS.next_value().label("number")).cte("ordered")
    numbered = (
        update(EventRow)
        .where(EventRow.id == ordered.c.id)
        .values(number=ordered.c.number)
        .returning(EventRow.id, EventRow.kind, EventRow.number)
        .cte("numbered")
    )
    endpoint = WebhookEndpointRow
    group = func.split_part(numbered.c.kind, ".", 1) + ".*"
    asked = or_(
        endpoint.kinds.is_(None),
        numbered.c.kind == func.any(endpoint.kinds),
        group == func.any(endpoint.kinds),
    )
    addressed = (
        select(func.gen_random_uuid(), endpoint.id, numbered.c.id, func.now() + RETRIED_FOR)
        .select_from(numbered)
        .join(endpoint, and_(endpoint.enabled, asked))
        .where(numbered.c.kind.in_(TOLD))
        .order_by(numbered.c.number)
    )
    names = ["id", "endpoint_id", "event_id", "give_up_at"]
    deliveries = insert(WebhookDeliveryRow).from_select(names, addressed)
    sent = deliveries.returning(WebhookDeliveryRow.id).cte("sent")
    return select(func.count()).select_from(numbered).add_cte(sent)
