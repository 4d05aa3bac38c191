"""Deliveries on a real Postgres to a real receiver, through a network that fails."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import update
from standardwebhooks import WebhookVerificationError

from common.events import EventKind
from db.engine import Database
from db.models import DeliveryState, WebhookDeliveryRow
from db.repositories.deliveries import DeliveryRepository, Outcome, Taken
from db.repositories.endpoints import EndpointRepository
from db.repositories.events import EventRepository
from stack import Stack
from tests.support.receiver import Received, Receiver, receiving
from tests.support.toxiproxy import toxiproxy_runs
from tests.support.waiting import eventually
from tests.workers.outbox import (
    Hook,
    all_done,
    deliveries_of,
    endpoint_of,
    fails,
    make_hook,
    reached,
    tell,
    working,
)
from workers.control import outbox as outbox_module

pytestmark = pytest.mark.integration


async def test_an_event_is_signed_and_told_once(database: Database, receiver: Receiver) -> None:
    hook = await make_hook(database, f"{receiver.url}/hook?key=of-theirs")
    async with working(database):
        call_id = await tell(database, EventKind.CALL_STARTED, version=3, said="„Grüß Gott“")
        (told,) = await reached(database, hook, DeliveryState.DELIVERED)
    (request,) = receiver.requests
    event = request.verified(hook.secret)
    assert event == {
        "id": request.id,
        "type": "call.started",
        "timestamp": told.event.at.astimezone(UTC).isoformat(),
        "data": {
            "agentId": str(told.event.agent_id),
            "callId": str(call_id),
            "version": 3,
            "said": "„Grüß Gott“",
        },
    }
    assert request.headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        request.verified("whsec_" + "A" * 44)
    (attempt,) = told.log
    assert (attempt.number, attempt.status, attempt.error, attempt.answer) == (1, 200, None, "thanks")
    assert 0 <= attempt.ms < 2000
    assert (told.delivery.attempts, told.delivery.last_status) == (1, 200)
    assert told.delivery.finished_at is not None


async def test_endpoints_get_what_they_asked_for(database: Database, receiver: Receiver) -> None:
    everything = await make_hook(database, f"{receiver.url}/all")
    await make_hook(database, f"{receiver.url}/calls", ["call.*"])
    await make_hook(database, f"{receiver.url}/ends", ["call.ended", "deployment.failed"])
    disabled = await make_hook(database, f"{receiver.url}/disabled")
    async with database.begin() as db_session:
        await EndpointRepository(db_session, database.box).disable(disabled.id, "because")
    async with working(database):
        for kind in (EventKind.CALL_STARTED, EventKind.DEPLOYMENT_RUNNING, EventKind.CALL_ENDED):
            await tell(database, kind)
        await reached(database, everything, DeliveryState.DELIVERED, 3)
        async with database.begin() as db_session:
            row = await EndpointRepository(db_session, database.box).get(everything.id)
            await DeliveryRepository(db_session).test(row)
        await reached(database, everything, DeliveryState.DELIVERED, 4)
        await eventually(all_done(database), "nothing pending")
    by_path: dict[str, list[str]] = {}
    for each in receiver.requests:
        by_path.setdefault(each.path, []).append(each.event["type"])
    assert {path: sorted(kinds) for path, kinds in by_path.items()} == {
        "/all": ["call.ended", "call.started", "deployment.running", "webhook.test"],
        "/calls": ["call.ended", "call.started"],
        "/ends": ["call.ended"],
    }


async def test_a_network_that_flaps_loses_nothing(database: Database, receiver: Receiver) -> None:
    """Cut, reset, swallowed and delayed again and again: every event arrives, signed anew each time."""
    async with toxiproxy_runs() as toxiproxy:
        proxy = await toxiproxy.before("receiver", f"127.0.0.1:{receiver.port}")
        hook = await make_hook(database, f"http://{proxy.address}/hook")
        told: list[uuid.UUID] = []

        async def flap() -> None:
            while True:
                for worse in (proxy.cut, proxy.reset, proxy.swallow):
                    await worse()
                    await asyncio.sleep(0.15)
                    await proxy.mend()
                    await asyncio.sleep(0.1)

        async with working(database, seconds=0.3):
            flapping = asyncio.create_task(flap())
            for _ in range(60):
                told.append(await tell(database, EventKind.CALL_STARTED, EventKind.CALL_ENDED))
                await asyncio.sleep(0.02)
            flapping.cancel()
            await asyncio.gather(flapping, return_exceptions=True)
            await proxy.mend()
            await reached(database, hook, DeliveryState.DELIVERED, 120)
    assert [each["data"]["callId"] for each in _of(receiver, "call.started", hook)] == _any_order(told)
    assert [each["data"]["callId"] for each in _of(receiver, "call.ended", hook)] == _any_order(told)
    deliveries = await deliveries_of(database, hook)
    assert len(deliveries) == len({each.event.uid for each in deliveries}) == 120
    assert any(len(each.log) > 1 for each in deliveries), "the network never failed"
    assert all(each.log[-1].status == 200 for each in deliveries)
    assert all(entry.error for each in deliveries for entry in each.log[:-1])
    assert (await endpoint_of(database, hook)).failing_since is None


def _of(receiver: Receiver, kind: str, hook: Hook) -> list[dict[str, Any]]:
    events = {each.id: each.verified(hook.secret) for each in receiver.requests}
    return sorted(
        (each for each in events.values() if each["type"] == kind), key=lambda each: str(each["data"])
    )


def _any_order(call_ids: list[uuid.UUID]) -> Any:
    class Same:
        def __eq__(self, other: object) -> bool:
            return isinstance(other, list) and sorted(other) == sorted(map(str, call_ids))

        __hash__ = None  # type: ignore[assignment]

    return Same()


async def test_several_workers_send_each_once(
    database: Database, database_url: str, receiver: Receiver
) -> None:
    receiver.seconds = 0.02
    hook = await make_hook(database, f"{receiver.url}/hook")
    other = Database(database.engine, database.box, database.sessions)
    async with working(database), working(other), working(other):
        await asyncio.gather(*(tell(database, EventKind.CALL_STARTED) for _ in range(100)))
        await reached(database, hook, DeliveryState.DELIVERED, 100)
    times = receiver.times()
    assert len(times) == 100
    assert set(times.values()) == {1}


async def test_of_one_call_one_event_follows_the_other(database: Database, receiver: Receiver) -> None:
    receiver.seconds = 0.05
    hook = await make_hook(database, f"{receiver.url}/hook")
    calls = [uuid.uuid4() for _ in range(10)]
    kinds = [EventKind.CALL_STARTED, EventKind.CALL_RECOVERED, EventKind.CALL_ENDED]
    for call_id in calls:
        await tell(database, *kinds, call_id=call_id)
    async with working(database):
        await reached(database, hook, DeliveryState.DELIVERED, 30)
    for call_id in calls:
        assert receiver.kinds(callId=str(call_id)) == kinds


async def test_what_is_refused_holds_up_nothing_of_its_call(database: Database, receiver: Receiver) -> None:
    """Whoever wants to know what came first goes by the times that events tell."""
    receiver.answer = _refuses_starts
    hook = await make_hook(database, f"{receiver.url}/hook")
    call_id = await tell(database, EventKind.CALL_STARTED, EventKind.CALL_ENDED)
    async with working(database):
        (ended,) = await reached(database, hook, DeliveryState.DELIVERED)
        assert ended.event.kind == EventKind.CALL_ENDED
        receiver.answer = lambda _: web.Response()
        await reached(database, hook, DeliveryState.DELIVERED, 2)
    took = [each.event for each in receiver.requests if each.event["data"]["callId"] == str(call_id)]
    assert [took[0]["type"], took[-1]["type"]] == [EventKind.CALL_STARTED] * 2
    (end,) = [each for each in took if each["type"] == EventKind.CALL_ENDED]
    assert took[-1]["timestamp"] < end["timestamp"]


def _refuses_starts(received: Received) -> web.Response:
    return web.Response(status=422 if received.event["type"] == EventKind.CALL_STARTED else 200)


async def test_who_does_not_answer_holds_up_nobody(database: Database, receiver: Receiver) -> None:
    async with receiving() as dead:
        dead.seconds = 60
        hooks = [await make_hook(database, f"{dead.url}/{number}") for number in range(10)]
        alive = await make_hook(database, f"{receiver.url}/alive")
        async with working(database, seconds=4.0):
            for _ in range(20):
                await tell(database, EventKind.CALL_STARTED)
            began = asyncio.get_running_loop().time()
            await reached(database, alive, DeliveryState.DELIVERED, 20)
            assert asyncio.get_running_loop().time() - began < 4.0
            await eventually(fails(database, hooks[0]), "a failure")
    (told, *_) = [each for each in await deliveries_of(database, hooks[0]) if each.log]
    assert (told.log[0].status, told.log[0].error) == (None, "no answer within 4 s")


async def test_what_a_worker_was_at_when_it_died_another_one_does(
    database: Database, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "CLOSE_SECONDS", 0.01)
    hook = await make_hook(database, f"{receiver.url}/hook")
    await tell(database, EventKind.CALL_STARTED)
    receiver.seconds = 60

    async def asked() -> bool:
        return bool(receiver.requests)

    async with working(database, seconds=30):
        await eventually(asked, "the receiver asked")
    receiver.seconds = 0
    (told,) = await deliveries_of(database, hook)
    assert (told.delivery.state, told.delivery.attempts, told.log) == ("pending", 1, [])
    left = told.delivery.next_at - datetime.now(UTC)
    assert timedelta(seconds=30) < left < timedelta(seconds=61), "nobody else may take it yet"
    async with database.begin() as db_session:
        await db_session.execute(update(WebhookDeliveryRow).values(next_at=WebhookDeliveryRow.created_at))
    async with working(database):
        (told,) = await reached(database, hook, DeliveryState.DELIVERED)
    assert [entry.number for entry in told.log] == [2]
    assert list(receiver.times().values()) == [2]


async def test_postgres_may_be_restarted_meanwhile(
    database: Database, postgres: Stack, receiver: Receiver
) -> None:
    receiver.seconds = 0.05
    hook = await make_hook(database, f"{receiver.url}/hook")
    for _ in range(80):
        await tell(database, EventKind.CALL_STARTED)

    async def some() -> bool:
        return len(receiver.requests) > 8

    async with working(database):
        await eventually(some, "some to be delivered")
        await postgres.restart("postgres")
        await reached(database, hook, DeliveryState.DELIVERED, 80)
    assert len(receiver.times()) == 80


async def test_whoever_was_too_slow_has_no_say(database: Database, receiver: Receiver) -> None:
    hook = await make_hook(database, f"{receiver.url}/hook")
    await tell(database, EventKind.CALL_STARTED)
    ended: list[Taken] = []
    for _ in range(2):
        async with database.begin() as db_session:
            await EventRepository(db_session).publish()
            ended += await DeliveryRepository(db_session).take(hook.id, 8, timedelta(0))
    first, second = ended
    at = datetime.now(UTC)
    async with database.begin() as db_session:
        deliveries = DeliveryRepository(db_session)
        assert await deliveries.tried(second, Outcome(at, 5, 200)) == DeliveryState.DELIVERED
        assert await deliveries.tried(first, Outcome(at, 900, error="HTTP 500", status=500)) is None
    (told,) = await deliveries_of(database, hook)
    assert told.delivery.state == "delivered"
    assert [entry.status for entry in told.log] == [500, 200]
