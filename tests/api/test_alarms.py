"""Whoever is to be alarmed is told why, wherever they look: in the call, by webhook, and in the metrics."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, func, update

from common.status import CallStatus
from db.models import DeliveryState, EventRow, HostRow, WebhookEndpointRow
from db.repositories.calls import CallRepository
from db.repositories.recoveries import RecoveryRepository
from tests.api.conftest import Client, platform_of
from tests.api.helpers import call_of, make_call, make_live
from tests.support.receiver import receiving
from tests.workers.outbox import make_hook, reached, working

pytestmark = pytest.mark.integration

REASON = "No agent came within 2 s."


async def test_that_no_agent_comes_is_told_with_its_cause_to_all(client: Client) -> None:
    token = await make_call(client, await make_live(client))
    database = platform_of(client).webhooks.postgres.database
    async with receiving() as receiver:
        async with database.begin() as db_session:
            await db_session.execute(delete(EventRow))
            await db_session.execute(delete(WebhookEndpointRow))
            silent = func.now() - timedelta(minutes=1)
            await db_session.execute(update(HostRow).values(last_seen_at=silent))
        hook = await make_hook(database, f"{receiver.url}/alarms", ["call.unanswered"])
        async with database.begin() as db_session:
            call = await CallRepository(db_session).get(UUID(token["callId"]))
            await RecoveryRepository(db_session).unanswered(call, REASON, 5, over=True)
            await CallRepository(db_session).end(call.room, REASON, CallStatus.FAILED)
        async with working(database):
            await reached(database, hook, DeliveryState.DELIVERED)
        (request,) = receiver.requests
    said = request.verified(hook.secret)["data"]
    assert (said["reason"], said["cause"], said["tries"], said["over"]) == (REASON, "no_host", 5, True)
    events = (await call_of(client, token["callId"]))["events"]
    (event,) = [each["data"] for each in events if each["event"] == "no_agent"]
    assert event == {"reason": REASON, "cause": "no_host", "tries": 5}
    metrics = (await client.get("/metrics")).text.splitlines()
    counted = [line for line in metrics if line.startswith("bionic_calls_in_trouble{")]
    assert 'bionic_calls_in_trouble{cause="no_host",event="call.unanswered"} 1.0' in counted
    assert len([line for line in counted if not line.endswith(" 0.0")]) == 1
