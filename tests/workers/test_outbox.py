"""Deliveries on a real Postgres to a real receiver, through a network that fails."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import delete, update
from standardwebhooks import WebhookVerificationError

from activities.delivering import Delivering, Schedule, beginning, retry_after
from common.discretion import DISCRETION
from common.errors import Conflict
from common.events import EventKind
from common.keys import make_master_key
from common.outward import NOT_PUBLIC, Guard, outward
from db.engine import Database
from db.models import DeliveryState, EventRow, WebhookDeliveryRow, WebhookEndpointRow
from db.repositories.deliveries import DeliveryRepository, Outcome, Taken, Told
from db.repositories.endpoints import EndpointRepository, WantedEndpoint
from db.repositories.events import EventRepository
from stack import Stack
from tests.support.receiver import Receiver, receiving
from tests.support.toxiproxy import toxiproxy_runs
from tests.support.waiting import eventually
from workers.control import outbox as outbox_module
from workers.control.outbox import Outbox

pytestmark = pytest.mark.integration

LOOPBACK = Guard((ip_network("127.0.0.0/8"),))
QUICK = Schedule(timedelta(milliseconds=40), 1.5, timedelta(milliseconds=300))


@dataclass(frozen=True)
class Hook:
    """An endpoint, and its secret."""

    id: uuid.UUID
    secret: str


@pytest.fixture
async def receiver(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    """A receiver; nothing in the outbox, no endpoints, and nobody waits a second."""
    monkeypatch.setattr(outbox_module, "EVERY_SECONDS", 0.02)
    monkeypatch.setattr(outbox_module, "LOOK_SECONDS", 0.02)
    async with database.begin() as db_session:
        await db_session.execute(delete(EventRow))
        await db_session.execute(delete(WebhookEndpointRow))
    async with receiving() as found:
        yield found


@asynccontextmanager
async def _working(
    database: Database, schedule: Schedule = QUICK, guard: Guard = LOOPBACK, seconds: float = 2.0
) -> AsyncIterator[None]:
    async with outward(guard, seconds) as sender, Outbox(database, Delivering(sender, schedule)).emptied():
        yield


async def _hook(database: Database, url: str, kinds: list[str] | None = None) -> Hook:
    async with database.begin() as db_session:
        wanted = WantedEndpoint(url, kinds=kinds)
        row, secret = await EndpointRepository(db_session, database.box).create(wanted)
        return Hook(row.id, secret)


async def _tell(
    database: Database, *kinds: EventKind, call_id: uuid.UUID | None = None, **data: Any
) -> uuid.UUID:
    """Tell of a new call, or of that one."""
    call_id = call_id or uuid.uuid4()
    for kind in kinds:
        async with database.begin() as db_session:
            await EventRepository(db_session).add(kind, data, agent_id=uuid.uuid4(), call_id=call_id)
    return call_id


async def _deliveries(database: Database, hook: Hook, state: DeliveryState | None = None) -> list[Told]:
    async with database.begin() as db_session:
        return (await DeliveryRepository(db_session).list(hook.id, state, None, 500)).items


async def _reached(database: Database, hook: Hook, state: DeliveryState, count: int = 1) -> list[Told]:
    async def look() -> list[Told] | None:
        found = await _deliveries(database, hook, state)
        return found if len(found) >= count else None

    return await eventually(look, f"{count} deliveries {state}")


async def _endpoint(database: Database, hook: Hook) -> WebhookEndpointRow:
    async with database.begin() as db_session:
        return await EndpointRepository(db_session, database.box).get(hook.id)


async def test_an_event_is_signed_and_told_once(database: Database, receiver: Receiver) -> None:
    hook = await _hook(database, f"{receiver.url}/hook?key=of-theirs")
    async with _working(database):
        call_id = await _tell(database, EventKind.CALL_STARTED, version=3, said="„Grüß Gott“")
        (told,) = await _reached(database, hook, DeliveryState.DELIVERED)
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
    everything = await _hook(database, f"{receiver.url}/all")
    await _hook(database, f"{receiver.url}/calls", ["call.*"])
    await _hook(database, f"{receiver.url}/ends", ["call.ended", "deployment.failed"])
    disabled = await _hook(database, f"{receiver.url}/disabled")
    async with database.begin() as db_session:
        await EndpointRepository(db_session, database.box).disable(disabled.id, "because")
    async with _working(database):
        for kind in (EventKind.CALL_STARTED, EventKind.DEPLOYMENT_RUNNING, EventKind.CALL_ENDED):
            await _tell(database, kind)
        await _reached(database, everything, DeliveryState.DELIVERED, 3)
        async with database.begin() as db_session:
            row = await EndpointRepository(db_session, database.box).get(everything.id)
            await DeliveryRepository(db_session).test(row)
        await _reached(database, everything, DeliveryState.DELIVERED, 4)
        await eventually(_all_done(database), "nothing pending")
    by_path: dict[str, list[str]] = {}
    for each in receiver.requests:
        by_path.setdefault(each.path, []).append(each.event["type"])
    assert {path: sorted(kinds) for path, kinds in by_path.items()} == {
        "/all": ["call.ended", "call.started", "deployment.running", "webhook.test"],
        "/calls": ["call.ended", "call.started"],
        "/ends": ["call.ended"],
    }


def _all_done(database: Database) -> Any:
    async def look() -> bool:
        async with database.begin() as db_session:
            return not await DeliveryRepository(db_session).due()

    return look


async def test_a_network_that_flaps_loses_nothing(database: Database, receiver: Receiver) -> None:
    """Cut, reset, swallowed and delayed again and again: every event arrives, signed anew each time."""
    async with toxiproxy_runs() as toxiproxy:
        proxy = await toxiproxy.before("receiver", f"127.0.0.1:{receiver.port}")
        hook = await _hook(database, f"http://{proxy.address}/hook")
        told: list[uuid.UUID] = []

        async def flap() -> None:
            while True:
                for worse in (proxy.cut, proxy.reset, proxy.swallow):
                    await worse()
                    await asyncio.sleep(0.15)
                    await proxy.mend()
                    await asyncio.sleep(0.1)

        async with _working(database, seconds=0.3):
            flapping = asyncio.create_task(flap())
            for _ in range(60):
                told.append(await _tell(database, EventKind.CALL_STARTED, EventKind.CALL_ENDED))
                await asyncio.sleep(0.02)
            flapping.cancel()
            await asyncio.gather(flapping, return_exceptions=True)
            await proxy.mend()
            await _reached(database, hook, DeliveryState.DELIVERED, 120)
    assert [each["data"]["callId"] for each in _of(receiver, "call.started", hook)] == _any_order(told)
    assert [each["data"]["callId"] for each in _of(receiver, "call.ended", hook)] == _any_order(told)
    deliveries = await _deliveries(database, hook)
    assert len(deliveries) == len({each.event.uid for each in deliveries}) == 120
    assert any(len(each.log) > 1 for each in deliveries), "the network never failed"
    assert all(each.log[-1].status == 200 for each in deliveries)
    assert all(entry.error for each in deliveries for entry in each.log[:-1])
    assert (await _endpoint(database, hook)).failing_since is None


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
    hook = await _hook(database, f"{receiver.url}/hook")
    other = Database(database.engine, database.box, database.sessions)
    async with _working(database), _working(other), _working(other):
        await asyncio.gather(*(_tell(database, EventKind.CALL_STARTED) for _ in range(100)))
        await _reached(database, hook, DeliveryState.DELIVERED, 100)
    times = receiver.times()
    assert len(times) == 100
    assert set(times.values()) == {1}


async def test_of_one_call_one_event_follows_the_other(database: Database, receiver: Receiver) -> None:
    receiver.seconds = 0.05
    hook = await _hook(database, f"{receiver.url}/hook")
    calls = [uuid.uuid4() for _ in range(10)]
    kinds = [EventKind.CALL_STARTED, EventKind.CALL_RECOVERED, EventKind.CALL_ENDED]
    for call_id in calls:
        await _tell(database, *kinds, call_id=call_id)
    async with _working(database):
        await _reached(database, hook, DeliveryState.DELIVERED, 30)
    for call_id in calls:
        assert receiver.kinds(callId=str(call_id)) == kinds


async def test_who_does_not_answer_holds_up_nobody(database: Database, receiver: Receiver) -> None:
    async with receiving() as dead:
        dead.seconds = 60
        hooks = [await _hook(database, f"{dead.url}/{number}") for number in range(10)]
        alive = await _hook(database, f"{receiver.url}/alive")
        async with _working(database, seconds=4.0):
            for _ in range(20):
                await _tell(database, EventKind.CALL_STARTED)
            began = asyncio.get_running_loop().time()
            await _reached(database, alive, DeliveryState.DELIVERED, 20)
            assert asyncio.get_running_loop().time() - began < 4.0
            await eventually(_fails(database, hooks[0]), "a failure")
    (told, *_) = [each for each in await _deliveries(database, hooks[0]) if each.log]
    assert (told.log[0].status, told.log[0].error) == (None, "no answer within 4 s")


def _fails(database: Database, hook: Hook) -> Any:
    async def look() -> bool:
        return (await _endpoint(database, hook)).failing_since is not None

    return look


async def test_what_a_worker_was_at_when_it_died_another_one_does(
    database: Database, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "CLOSE_SECONDS", 0.01)
    hook = await _hook(database, f"{receiver.url}/hook")
    await _tell(database, EventKind.CALL_STARTED)
    receiver.seconds = 60

    async def asked() -> bool:
        return bool(receiver.requests)

    async with _working(database, seconds=30):
        await eventually(asked, "the receiver asked")
    receiver.seconds = 0
    (told,) = await _deliveries(database, hook)
    assert (told.delivery.state, told.delivery.attempts, told.log) == ("pending", 1, [])
    left = told.delivery.next_at - datetime.now(UTC)
    assert timedelta(seconds=30) < left < timedelta(seconds=61), "nobody else may take it yet"
    async with database.begin() as db_session:
        await db_session.execute(update(WebhookDeliveryRow).values(next_at=WebhookDeliveryRow.created_at))
    async with _working(database):
        (told,) = await _reached(database, hook, DeliveryState.DELIVERED)
    assert [entry.number for entry in told.log] == [2]
    assert list(receiver.times().values()) == [2]


async def test_postgres_may_be_restarted_meanwhile(
    database: Database, postgres: Stack, receiver: Receiver
) -> None:
    receiver.seconds = 0.05
    hook = await _hook(database, f"{receiver.url}/hook")
    for _ in range(80):
        await _tell(database, EventKind.CALL_STARTED)

    async def some() -> bool:
        return len(receiver.requests) > 8

    async with _working(database):
        await eventually(some, "some to be delivered")
        await postgres.restart("postgres")
        await _reached(database, hook, DeliveryState.DELIVERED, 80)
    assert len(receiver.times()) == 80


async def test_a_receiver_may_say_when_and_never(database: Database, receiver: Receiver) -> None:
    receiver.answer = lambda _: web.Response(status=503, headers={"Retry-After": "1"}, text="later")
    hook = await _hook(database, f"{receiver.url}/hook")
    long = Schedule(timedelta(milliseconds=1), 1, timedelta(hours=2))
    async with _working(database, long):
        await _tell(database, EventKind.CALL_STARTED)
        await eventually(_fails(database, hook), "a failure")
        (told,) = await _deliveries(database, hook)
        assert (told.delivery.last_status, told.delivery.last_error) == (503, "HTTP 503")
        assert told.delivery.next_at - told.log[0].at > timedelta(seconds=0.9)
        receiver.answer = lambda _: web.Response(status=410)
        (dead,) = await _reached(database, hook, DeliveryState.DEAD)
        assert [entry.status for entry in dead.log] == [503, 410]
        assert dead.log[1].at - dead.log[0].at > timedelta(seconds=0.9)
        row = await _endpoint(database, hook)
        assert not row.enabled
        assert row.disabled_reason == "The receiver answered 410: it wants no more."
        await _tell(database, EventKind.CALL_ENDED)
        assert len(await _deliveries(database, hook)) == 1


async def test_after_a_day_it_is_a_dead_letter_that_can_be_sent_again(
    database: Database, receiver: Receiver
) -> None:
    receiver.answer = lambda _: web.Response(status=500, text="broken")
    hook = await _hook(database, f"{receiver.url}/hook")
    async with _working(database):
        await _tell(database, EventKind.CALL_STARTED)
        await eventually(_fails(database, hook), "a failure")
        async with database.begin() as db_session:
            over = {"give_up_at": WebhookDeliveryRow.created_at}
            await db_session.execute(update(WebhookDeliveryRow).values(**over))
        (dead,) = await _reached(database, hook, DeliveryState.DEAD)
        assert dead.log[-1].answer == "broken"
        assert dead.delivery.finished_at is not None
        receiver.answer = lambda _: web.Response(status=204)
        async with database.begin() as db_session:
            await DeliveryRepository(db_session).redeliver(dead.delivery.id)
        (told,) = await _reached(database, hook, DeliveryState.DELIVERED)
    assert len(told.log) == told.delivery.attempts == len(dead.log) + 1
    assert len(receiver.times()) == 1, "the same event has the same id"
    stamps = {each.headers["webhook-signature"] for each in receiver.requests}
    assert len(stamps) >= 1
    assert all(each.verified(hook.secret) for each in receiver.requests)


async def test_an_endpoint_that_fails_for_days_is_disabled_and_says_so(
    database: Database, receiver: Receiver
) -> None:
    receiver.answer = lambda _: web.Response(status=500)
    hook = await _hook(database, f"{receiver.url}/hook")
    slow = Schedule(timedelta(hours=1), 1, timedelta(hours=1))

    async def at_once() -> None:
        """Failures twelve hours apart: time goes by without us."""
        async with database.begin() as db_session:
            row, hours = WebhookEndpointRow, timedelta(hours=12)
            past = {"failing_since": row.failing_since - hours, "failed_at": row.failed_at - hours}
            await db_session.execute(update(row).where(row.id == hook.id).values(past))
            await db_session.execute(update(WebhookDeliveryRow).values(next_at=WebhookDeliveryRow.created_at))

    async with _working(database, slow):
        await _tell(database, EventKind.CALL_STARTED)
        for number in range(1, 12):

            async def tried(wanted: int = number) -> bool:
                found = await _deliveries(database, hook)
                return bool(found) and len(found[0].log) == wanted

            await eventually(tried, f"attempt {number}")
            if not (await _endpoint(database, hook)).enabled:
                break
            await at_once()
    row = await _endpoint(database, hook)
    assert (number, row.enabled) == (11, False), "five days are ten times twelve hours"
    assert row.disabled_reason == "Nothing was delivered for 5 days. The last time: HTTP 500."
    (told,) = await _deliveries(database, hook)
    async with database.begin() as db_session:
        with pytest.raises(Conflict, match="Enable it first"):
            await DeliveryRepository(db_session).redeliver(told.delivery.id)
    async with database.begin() as db_session:
        await db_session.execute(
            update(WebhookDeliveryRow).values(give_up_at=WebhookDeliveryRow.created_at - timedelta(hours=1))
        )
        assert await DeliveryRepository(db_session).bury() == 1


async def test_failures_far_apart_disable_nothing(database: Database, receiver: Receiver) -> None:
    hook = await _hook(database, f"{receiver.url}/hook")
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
    hook = await _hook(database, f"{receiver.url}/hook")
    async with _working(database, guard=Guard()):
        await _tell(database, EventKind.CALL_STARTED)
        await eventually(_fails(database, hook), "a failure")
    (told,) = await _deliveries(database, hook)
    assert told.log[0].error == NOT_PUBLIC
    assert receiver.requests == []


async def test_after_a_rotation_receivers_may_know_either_secret(
    database: Database, receiver: Receiver
) -> None:
    hook = await _hook(database, f"{receiver.url}/hook")
    async with database.begin() as db_session:
        endpoints = EndpointRepository(db_session, database.box)
        new = await endpoints.rotate(await endpoints.get(hook.id))
    async with _working(database):
        await _tell(database, EventKind.CALL_STARTED)
        await _reached(database, hook, DeliveryState.DELIVERED)
        async with database.begin() as db_session:
            await db_session.execute(update(WebhookEndpointRow).values(previous_until=datetime.now(UTC)))
        await _tell(database, EventKind.CALL_STARTED)
        await _reached(database, hook, DeliveryState.DELIVERED, 2)
    both, one = receiver.requests
    assert both.verified(hook.secret) == both.verified(new)
    assert one.verified(new)
    with pytest.raises(WebhookVerificationError):
        one.verified(hook.secret)


async def test_a_secret_that_can_not_be_read_disables_its_endpoint(
    database: Database, receiver: Receiver
) -> None:
    hook = await _hook(database, f"{receiver.url}/hook")
    url = database.engine.url.render_as_string(hide_password=False)
    other = Database.connect(url, make_master_key())
    try:
        async with _working(other):
            await _tell(database, EventKind.CALL_STARTED)

            async def disabled() -> bool:
                return not (await _endpoint(database, hook)).enabled

            await eventually(disabled, "the endpoint disabled")
    finally:
        await other.close()
    assert "BIONIC_MASTER_KEY" in ((await _endpoint(database, hook)).disabled_reason or "")
    assert receiver.requests == []


async def test_whoever_was_too_slow_has_no_say(database: Database, receiver: Receiver) -> None:
    hook = await _hook(database, f"{receiver.url}/hook")
    await _tell(database, EventKind.CALL_STARTED)
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
    (told,) = await _deliveries(database, hook)
    assert told.delivery.state == "delivered"
    assert [entry.status for entry in told.log] == [500, 200]


@pytest.mark.unit
def test_a_day_of_attempts() -> None:
    schedule = Schedule(jitter=0)
    waits = [schedule.wait(number).total_seconds() for number in range(1, 60)]
    assert waits[:8] == [5, 20, 80, 320, 1280, 5120, 7200, 7200]
    assert set(waits[6:]) == {7200}
    assert sum(waits[:17]) < 86_400 < sum(waits[:18])
    shaken = {Schedule().wait(3) for _ in range(50)}
    assert len(shaken) > 40
    assert all(timedelta(seconds=64) <= each <= timedelta(seconds=96) for each in shaken)


@pytest.mark.unit
def test_when_receivers_want_to_be_asked_again() -> None:
    now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    for said, seconds in (
        ("30", 30),
        (" 7 ", 7),
        ("Tue, 24 Nov 2026 12:01:00 GMT", 60),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0),
        ("9" * 40, 10**6),
    ):
        assert retry_after({"Retry-After": said}, now) == timedelta(seconds=seconds), said
    for said in ("", "soon", "-1", "1.5", "²", "Tue, 24 Nov 2026 12:01:00"):
        assert retry_after({"Retry-After": said}, now) is None, said
    assert Schedule().wait(1, timedelta(days=3)) == timedelta(hours=2)
    assert Schedule().wait(1, timedelta(minutes=3)) == timedelta(minutes=3)


@pytest.mark.unit
def test_answers_are_kept_short_and_tell_no_secret() -> None:
    DISCRETION.learn("whsec_of-this-test")
    assert beginning(b"wanted whsec_of-this-test\0\xff") == "wanted [secret]\ufffd"
    assert len(beginning(b"x" * 5000)) == 500
