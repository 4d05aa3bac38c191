"""What a delivery is made of: signatures, waits and what is kept of an answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from standardwebhooks import WebhookVerificationError

from activities.delivering import Schedule, beginning, retry_after
from common.discretion import DISCRETION
from common.events import EventKind
from db.engine import Database
from db.models import DeliveryState, WebhookEndpointRow
from db.repositories.endpoints import EndpointRepository
from tests.support.receiver import Receiver
from tests.workers.outbox import (
    make_hook,
    reached,
    tell,
    working,
)

pytestmark = pytest.mark.integration


async def test_after_a_rotation_receivers_may_know_either_secret(
    database: Database, receiver: Receiver
) -> None:
    hook = await make_hook(database, f"{receiver.url}/hook")
    async with database.begin() as db_session:
        endpoints = EndpointRepository(db_session, database.box)
        new = await endpoints.rotate(await endpoints.get(hook.id))
    async with working(database):
        await tell(database, EventKind.CALL_STARTED)
        await reached(database, hook, DeliveryState.DELIVERED)
        async with database.begin() as db_session:
            await db_session.execute(update(WebhookEndpointRow).values(previous_until=datetime.now(UTC)))
        await tell(database, EventKind.CALL_STARTED)
        await reached(database, hook, DeliveryState.DELIVERED, 2)
    both, one = receiver.requests
    assert both.verified(hook.secret) == both.verified(new)
    assert one.verified(new)
    with pytest.raises(WebhookVerificationError):
        one.verified(hook.secret)


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
