"""Queries on deliveries: which are due, who tries them, what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, literal, literal_column, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.errors import Conflict, NotFound
from common.events import EventKind
from db.models import DeliveryState, EventRow, WebhookAttemptRow, WebhookDeliveryRow, WebhookEndpointRow
from db.repositories.events import RETRIED_FOR, EventRepository
from db.repositories.pages import Cursor, Page

LEASE = timedelta(seconds=60)
"""How long whoever takes a delivery may try it before another worker does."""

_LOOKED_AT = 100
"""Of an endpoint's deliveries, when some are taken."""

_DISABLED = "The webhook is disabled."
_TOO_LATE = "its turn never came: the webhook was disabled, or took nothing"


@dataclass(frozen=True)
class Taken:
    """A delivery that is to be tried now, by whoever took it."""

    delivery_id: UUID
    endpoint_id: UUID
    attempt: int
    event: EventRow


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt."""

    at: datetime
    ms: int
    status: int | None = None
    error: str | None = None
    """None where it was delivered."""
    answer: str | None = None
    wait: timedelta | None = None
    """Until the next attempt; none where there shall be none."""


@dataclass(frozen=True)
class Told:
    """A delivery with its event and the log of its attempts."""

    delivery: WebhookDeliveryRow
    event: EventRow
    log: Sequence[WebhookAttemptRow]


class DeliveryRepository:
    """Reads and writes deliveries."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def due(self) -> Sequence[UUID]:
        """The endpoints that something is to be sent to now."""
        row = WebhookDeliveryRow
        waiting = select(row.id).where(
            row.endpoint_id == WebhookEndpointRow.id, _is_pending(), row.next_at <= func.now()
        )
        statement = select(WebhookEndpointRow.id).where(WebhookEndpointRow.enabled, waiting.exists())
        return (await self._db_session.execute(statement)).scalars().all()

    async def take(self, endpoint_id: UUID, most: int, lease: timedelta = LEASE) -> list[Taken]:
        """Some deliveries that are due, oldest event first: nobody else takes them within the `lease`.

        Of one call, and of one deployment, only the first: what is tried at the same time may arrive in any
        order.
        """
        row, event = WebhookDeliveryRow, EventRow
        due = (row.endpoint_id == endpoint_id, _is_pending(), row.next_at <= func.now())
        oldest = (
            select(row.id, row.event_id)
            .where(*due)
            .order_by(row.next_at, row.event_id)
            .limit(_LOOKED_AT)
            .subquery()
        )
        subject = func.coalesce(event.call_id, event.deployment_id, event.uid)
        firsts = (
            select(oldest.c.id, event.number)
            .join(event, event.id == oldest.c.event_id)
            .ext(distinct_on(subject))
            .order_by(subject, event.number)
            .subquery()
        )
        chosen = select(firsts.c.id).order_by(firsts.c.number).limit(most)
        # Looked at again once it is locked: another worker may have taken it meanwhile.
        found = select(row.id).where(row.id.in_(chosen), *due).with_for_update(skip_locked=True)
        free = select(found.cte("free").c.id)
        statement = (
            update(row)
            .where(row.id.in_(free))
            .values(attempts=row.attempts + 1, next_at=func.now() + lease)
            .returning(row.id, row.attempts, row.event_id)
        )
        taken = statement.cte("taken")
        told = (
            select(taken.c.id, taken.c.attempts, event)
            .join(event, event.id == taken.c.event_id)
            .order_by(event.number)
        )
        return [
            Taken(delivery_id, endpoint_id, attempt, news)
            for delivery_id, attempt, news in await self._db_session.execute(told)
        ]

    async def tried(self, taken: Taken, outcome: Outcome) -> DeliveryState | None:
        """Note what came of an attempt; None where a later one has the say."""
        row = WebhookDeliveryRow
        noted = {
            "number": taken.attempt,
            "at": outcome.at,
            "ms": outcome.ms,
            "status": outcome.status,
            "error": outcome.error,
            "answer": outcome.answer,
        }
        columns = [literal(value, WebhookAttemptRow.__table__.c[name].type) for name, value in noted.items()]
        there = select(row.id, *columns).where(row.id == taken.delivery_id)
        log = insert(WebhookAttemptRow).from_select(["delivery_id", *noted], there)
        await self._db_session.execute(log.on_conflict_do_nothing())
        mine = (row.id == taken.delivery_id, row.attempts == taken.attempt, _is_pending())
        statement = update(row).where(*mine).values(_after(outcome)).returning(row.state)
        state = (await self._db_session.execute(statement)).scalar_one_or_none()
        return DeliveryState(state) if state else None

    async def bury(self) -> int:
        """Give up what was not sent in time, to endpoints that are disabled or take nothing; how many there
        were."""
        row = WebhookDeliveryRow
        endpoint = WebhookEndpointRow
        hopeless = select(endpoint.id).where(or_(~endpoint.enabled, endpoint.failing_since.is_not(None)))
        statement = (
            update(row)
            .where(row.endpoint_id.in_(hopeless), _is_pending(), row.give_up_at < func.now() - LEASE)
            .values(
                state=DeliveryState.DEAD,
                finished_at=func.now(),
                last_error=func.coalesce(row.last_error, _TOO_LATE),
            )
            .returning(row.id)
            .execution_options(synchronize_session=False)
        )
        return len((await self._db_session.execute(statement)).all())

    async def test(self, endpoint: WebhookEndpointRow) -> UUID:
        """Have a test event sent to one endpoint.

        Raises:
            Conflict: the endpoint is disabled.
        """
        if not endpoint.enabled:
            raise Conflict(f"{_DISABLED} Enable it first.")
        data = {"webhookId": str(endpoint.id), "message": "This is a test."}
        event = await EventRepository(self._db_session).add(EventKind.WEBHOOK_TEST, data)
        delivery = WebhookDeliveryRow(
            endpoint_id=endpoint.id, event_id=event.id, give_up_at=func.now() + RETRIED_FOR
        )
        self._db_session.add(delivery)
        await self._db_session.flush()
        return delivery.id

    async def redeliver(self, delivery_id: UUID) -> None:
        """Send it once more, as if it were new, whatever became of it.

        Raises:
            NotFound: there is no such delivery.
            Conflict: its endpoint is disabled.
        """
        told = await self.get(delivery_id)
        endpoint = await self._db_session.get(WebhookEndpointRow, told.delivery.endpoint_id)
        if endpoint is None or not endpoint.enabled:
            raise Conflict(f"{_DISABLED} Enable it first.")
        anew = {"next_at": func.now(), "give_up_at": func.now() + RETRIED_FOR, "finished_at": None}
        row = WebhookDeliveryRow
        statement = update(row).where(row.id == delivery_id).values(state=DeliveryState.PENDING, **anew)
        await self._db_session.execute(statement)

    async def get(self, delivery_id: UUID) -> Told:
        """One delivery.

        Raises:
            NotFound: there is none.
        """
        statement = (
            select(WebhookDeliveryRow, EventRow)
            .join(EventRow, EventRow.id == WebhookDeliveryRow.event_id)
            .where(WebhookDeliveryRow.id == delivery_id)
            .execution_options(populate_existing=True)
        )
        found = (await self._db_session.execute(statement)).one_or_none()
        if found is None:
            raise NotFound(f"There is no delivery {delivery_id}.")
        return (await self._with_logs([(found[0], found[1])]))[0]

    async def list(
        self, endpoint_id: UUID, state: DeliveryState | None, cursor: Cursor | None, limit: int
    ) -> Page[Told]:
        """A page of what was sent to an endpoint, newest first."""
        row = WebhookDeliveryRow
        statement = (
            select(row, EventRow)
            .join(EventRow, EventRow.id == row.event_id)
            .where(row.endpoint_id == endpoint_id)
            .order_by(row.created_at.desc(), row.id.desc())
            .limit(limit + 1)
        )
        if state:
            statement = statement.where(row.state == state)
        if cursor:
            statement = statement.where(tuple_(row.created_at, row.id) < tuple_(cursor.created_at, cursor.id))
        found = [(each[0], each[1]) for each in await self._db_session.execute(statement)]
        rows = found[:limit]
        last = rows[-1][0] if len(found) > limit else None
        told = await self._with_logs(rows)
        return Page([*told], Cursor(last.created_at, last.id).encode() if last else None)

    async def _with_logs(self, rows: Sequence[tuple[WebhookDeliveryRow, EventRow]]) -> Sequence[Told]:
        logs: dict[UUID, list[WebhookAttemptRow]] = {delivery.id: [] for delivery, _ in rows}
        statement = (
            select(WebhookAttemptRow)
            .where(WebhookAttemptRow.delivery_id.in_(logs))
            .order_by(WebhookAttemptRow.number)
        )
        for attempt in (await self._db_session.execute(statement)).scalars():
            logs[attempt.delivery_id].append(attempt)
        return [Told(delivery, event, logs[delivery.id]) for delivery, event in rows]


def _is_pending() -> ColumnElement[bool]:
    # Said outright and not as a parameter, so that the index on pending deliveries is used.
    return WebhookDeliveryRow.state == literal_column(f"'{DeliveryState.PENDING}'")


def _after(outcome: Outcome) -> dict[str, object]:
    """How a delivery is after an attempt."""
    row, now = WebhookDeliveryRow, func.now()
    said = {"last_status": outcome.status, "last_error": outcome.error}
    if outcome.error is None:
        return said | {"state": DeliveryState.DELIVERED, "finished_at": now}
    if outcome.wait is None:
        return said | {"state": DeliveryState.DEAD, "finished_at": now}
    late = row.give_up_at <= now
    return said | {
        "state": case((late, DeliveryState.DEAD), else_=DeliveryState.PENDING),
        "finished_at": case((late, now), else_=None),
        # The last one comes at the very end.
        "next_at": func.least(now + outcome.wait, row.give_up_at),
    }
