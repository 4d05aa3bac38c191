"""Deliveries that fail for good, on a real Postgres: what becomes of them and of their endpoints."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from aiohttp import web
from sqlalchemy import update

from activities.delivering import Schedule
from common.errors import Conflict
from common.events import EventKind
from common.keys import make_master_key
from common.outward import NOT_PUBLIC, Guard
from db.engine import Database
from db.models import DeliveryState, WebhookDeliveryRow, WebhookEndpointRow
from db.repositories.deliveries import DeliveryRepository
from db.repositories.endpoints import EndpointRepository
from tests.support.receiver import Receiver
from tests.support.waiting import eventually
from tests.workers.outbox import (
    deliveries_of,
    endpoint_of,
    fails,
    make_hook,
    reached,
    tell,
    working,
)

pytestmark = pytest.mark.integration


async def test_a_receiver_may_say_when_and_never(database: Database, receiver: Receiver) -> None:
    receiver.answer = lambda _: web.Response(status=503, headers={"Retry-After": "1"}, text="later")
    hook = await make_hook(database, f"{receiver.url}/hook")
    long = Schedule(timedelta(milliseconds=1), 1, timedelta(hours=2))
    async with working(database, long):
        await tell(database, EventKind.CALL_STARTED)
        await eventually(fails(database, hook), "a failure")
        (told,) = await deliveries_of(database, hook)
        assert (told.delivery.last_status, told.delivery.last_error) == (503, "HTTP 503")
        assert told.delivery.next_at - told.log[0].at > timedelta(seconds=0.9)
        receiver.answer = lambda _: web.Response(status=410)
        (dead,) = await reached(database, hook, DeliveryState.DEAD)
        assert [entry.status for entry in dead.log] == [503, 410]
        assert dead.log[1].at - dead.log[0].at > timedelta(seconds=0.9)
        row = await endpoint_of(database, hook)
        assert not row.enabled
        assert row.disabled_reason == "The receiver answered 410: it wants no more."
        await tell(database, EventKind.CALL_ENDED)
        assert len(await deliveries_of(database, hook)) == 1


async def test_after_a_day_it_is_a_dead_letter_that_can_be_sent_again(
    database: Database, receiver: Receiver
) -> None:
    receiver.answer = lambda _: web.Response(status=500, text="broken")
    hook = await make_hook(database, f"{receiver.url}/hook")
    async with working(database):
        await tell(database, EventKind.CALL_STARTED)
        await eventually(fails(database, hook), "a failure")
        async with database.begin() as db_session:
            over = {"give_up_at": WebhookDeliveryRow.created_at}
            await db_session.execute(update(WebhookDeliveryRow).values(**over))
        (dead,) = await reached(database, hook, DeliveryState.DEAD)
        assert dead.log[-1].answer == "broken"
        assert dead.delivery.finished_at is not None
        receiver.answer = lambda _: web.Response(status=204)
        async with database.begin() as db_session:
            await DeliveryRepository(db_session).redeliver(dead.delivery.id)
        (told,) = await reached(database, hook, DeliveryState.DELIVERED)
    assert len(told.log) == told.delivery.attempts == len(dead.log) + 1
    assert len(receiver.times()) == 1, "the same event has the same id"
    stamps = {each.headers["webhook-signature"] for each in receiver.requests}
    assert len(stamps) >= 1
    assert all(each.verified(hook.secret) for each in receiver.requests)


async def test_an_endpoint_that_fails_for_days_is_disabled_and_says_so(
    database: Database, receiver: Receiver
) -> None:
    receiver.answer = lambda _: web.Response(status=500)
    hook = await make_hook(database, f"{receiver.url}/hook")
    slow = Schedule(timedelta(hours=1), 1, timedelta(hours=1))

    async def at_once() -> None:
        """Failures twelve hours apart: time goes by without us."""
        async with database.begin() as db_session:
            row, hours = WebhookEndpointRow, timedelta(hours=12)
            past = {"failing_since": row.failing_since - hours, "failed_at": row.failed_at - hours}
            await db_session.execute(update(row).where(row.id == hook.id).values(past))
            await db_session.execute(update(WebhookDeliveryRow).values(next_at=WebhookDeliveryRow.created_at))

    async with working(database, slow):
        await tell(database, EventKind.CALL_STARTED)
        for number in range(1, 12):

            async def tried(wanted: int = number) -> bool:
                found = await deliveries_of(database, hook)
                return bool(found) and len(found[0].log) == wanted

            await eventually(tried, f"attempt {number}")
            if not (await endpoint_of(database, hook)).enabled:
                break
            await at_once()
    row = await endpoint_of(database, hook)
    assert (number, row.enabled) == (11, False), "five days are ten times twelve hours"
    assert row.disabled_reason == "Nothing was delivered for 5 days. The last time: HTTP 500."
    (told,) = await deliveries_of(database, hook)
    async with database.begin() as db_session:
        with pytest.raises(Conflict, match="Enable it first"):
            await DeliveryRepository(db_session).redeliver(told.delivery.id)
    async with database.begin() as db_session:
        await db_session.execute(
            update(WebhookDeliveryRow).values(give_up_at=WebhookDeliveryRow.created_at - timedelta(hours=1))
        )
        assert await DeliveryRepository(db_session).bury() == 1


async def test_failures_far_apart_disable_nothing(database: Database, receiver: Receiver) -> None:
    hook = await make_hook(database, f"{receiver.url}/hook")
    async with database.begin() as db_session:
        endpoints = EndpointRepository(db_session, database.box)
        assert not await endpoints.failed(hook.id, "HTTP 500")
        row = WebhookEndpointRow
        long_ago = {"failing_since": row.failing_since - timedelta(days=9), "failed_at": row.failed_at}
        long_ago["failed_at"] = row.failed_at - timedelta(days=8)
        await db_session.execute(update(row).where(row.id == hook.id).values(long_ago))
        assert not await endpoints.failed(hook.id, "HTTP 500")
        assert not await endpoints.failed(uuid.uuid4(), "HTTP 500"), "it may be deleted"


async def test_addresses_inside_are_refused_and_the_log_says_so(
    database: Database, receiver: Receiver
) -> None:
    hook = await make_hook(database, f"{receiver.url}/hook")
    async with working(database, guard=Guard()):
        await tell(database, EventKind.CALL_STARTED)
        await eventually(fails(database, hook), "a failure")
    (told,) = await deliveries_of(database, hook)
    assert told.log[0].error == NOT_PUBLIC
    assert receiver.requests == []


async def test_a_secret_that_can_not_be_read_disables_its_endpoint(
    database: Database, receiver: Receiver
) -> None:
    hook = await make_hook(database, f"{receiver.url}/hook")
    url = database.engine.url.render_as_string(hide_password=False)
    other = Database.connect(url, make_master_key())
    try:
        async with working(other):
            await tell(database, EventKind.CALL_STARTED)

            async def disabled() -> bool:
                return not (await endpoint_of(database, hook)).enabled

            await eventually(disabled, "the endpoint disabled")
    finally:
        await other.close()
    assert "BIONIC_MASTER_KEY" in ((await endpoint_of(database, hook)).disabled_reason or "")
    assert receiver.requests == []
