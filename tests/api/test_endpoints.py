"""Webhooks out, as they are entered, shown and asked to try again."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from api.schemas.endpoints import NewEndpoint
from api.services.endpoints import EndpointService
from common.events import EventKind
from common.outward import NOT_PUBLIC, Guard
from db.models import DeliveryState, WebhookDeliveryRow, WebhookEndpointRow
from db.repositories.events import EventRepository
from tests.api.conftest import Client, platform_of
from tests.api.test_http import problem

pytestmark = pytest.mark.integration

HOOKS = "/api/webhooks"
URL = "https://hooks.example/bionic?key=of-theirs"


async def _make(client: Client, **body: Any) -> dict[str, Any]:
    async with platform_of(client).endpoints.postgres.begin() as db_session:
        await EventRepository(db_session).publish()  # what earlier tests left is not for it
    response = await client.post(HOOKS, json={"url": URL} | body)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def _happened(client: Client, kind: EventKind = EventKind.CALL_ENDED) -> None:
    async with platform_of(client).endpoints.postgres.begin() as db_session:
        events = EventRepository(db_session)
        await events.add(kind, {"status": "ended"}, call_id=uuid4())
        await events.publish()


async def _deliveries(client: Client, hook: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    response = await client.get(f"{HOOKS}/{hook['id']}/deliveries{query}")
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["items"]
    return found


async def _set(client: Client, delivery: dict[str, Any], **values: Any) -> None:
    async with platform_of(client).endpoints.postgres.begin() as db_session:
        row = WebhookDeliveryRow
        await db_session.execute(update(row).where(row.id == UUID(delivery["id"])).values(values))


async def test_a_secret_is_shown_once_and_kept_sealed(client: Client) -> None:
    made = await _make(client, description="Our CRM", kinds=["call.*", "deployment.failed"])
    secret = made.pop("signingSecret")
    assert secret.startswith("whsec_")
    assert len(secret) == 50
    assert made["secret"] == {"set": True, "hint": f"…{secret[-4:]}"}
    expected: dict[str, Any] = {
        "url": URL,
        "description": "Our CRM",
        "kinds": ["call.*", "deployment.failed"],
    }
    expected |= {"enabled": True, "pending": 0, "dead": 0, "disabledReason": None, "failingSince": None}
    assert expected.items() <= made.items()
    shown = [await client.get(f"{HOOKS}/{made['id']}"), await client.get(HOOKS)]
    assert shown[0].json() == made
    assert made in shown[1].json()["items"]
    assert not any(secret in each.text for each in shown)
    async with platform_of(client).endpoints.postgres.begin() as db_session:
        row = await db_session.get_one(WebhookEndpointRow, UUID(made["id"]))
        assert secret.encode() not in row.secret

    rotated = (await client.post(f"{HOOKS}/{made['id']}/rotate")).json()
    assert rotated["signingSecret"] not in {secret, None}
    assert rotated["secret"]["hint"] == f"…{rotated['signingSecret'][-4:]}"


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({}, "/url", "is required"),
        ({"url": "ftp://x.example"}, "/url", "must start with http://, https://"),
        ({"url": "https://me:secret@x.example"}, "/url", "must not contain a user name or password"),
        ({"url": "http://169.254.169.254/latest"}, "/url", NOT_PUBLIC),
        ({"url": "http://[::ffff:7f00:1]:5432/"}, "/url", NOT_PUBLIC),
        ({"url": URL, "kinds": []}, "/kinds", "must have at least 1 item"),
        (
            {"url": URL, "kinds": ["call.endet"]},
            "/kinds/0",
            "is no kind of event; did you mean `call.ended`?",
        ),
        ({"url": URL, "kinds": ["webhook.test"]}, "/kinds/0", "is no kind of event; "),
        ({"url": URL, "secret": "mine"}, "/secret", "unknown option; "),
        ({"url": URL, "description": " "}, "/description", "must not be blank"),
    ],
)
async def test_what_can_not_be_a_webhook(
    client: Client, body: dict[str, Any], pointer: str, detail: str
) -> None:
    answer = problem(await client.post(HOOKS, json=body), 400)
    (error,) = answer["errors"]
    assert error["pointer"] == pointer
    assert error["detail"].startswith(detail)


async def test_what_is_not_named_stays_and_enabling_begins_anew(client: Client) -> None:
    made = await _make(client, kinds=["call.ended"])
    path = f"{HOOKS}/{made['id']}"
    changed = (await client.patch(path, json={"kinds": None, "description": "all"})).json()
    assert (changed["kinds"], changed["description"], changed["url"]) == (None, "all", URL)
    problem(await client.patch(path, json={"url": None}), 400)
    problem(await client.patch(path, json={"url": "http://127.0.0.1/"}), 400)
    off = (await client.patch(path, json={"enabled": False})).json()
    assert (off["enabled"], off["disabledReason"]) == (False, None)
    assert off["disabledAt"] is not None
    problem(await client.post(f"{path}/test"), 409)
    async with platform_of(client).endpoints.postgres.begin() as db_session:
        await db_session.execute(update(WebhookEndpointRow).values(disabled_reason="It failed for days."))
    assert (await client.get(path)).json()["disabledReason"] == "It failed for days."
    on = (await client.patch(path, json={"enabled": True})).json()
    assert (on["enabled"], on["disabledAt"], on["disabledReason"]) == (True, None, None)
    assert (await client.delete(path)).status_code == 204
    for gone in (client.get(path), client.delete(path), client.post(f"{path}/rotate")):
        problem(await gone, 404)


async def test_deliveries_are_listed_by_state_and_page_and_sent_again(client: Client) -> None:
    made = await _make(client, kinds=["call.ended"])
    for kind in (EventKind.CALL_ENDED, EventKind.CALL_STARTED, EventKind.CALL_ENDED, EventKind.CALL_ENDED):
        await _happened(client, kind)
    newest, middle, oldest = await _deliveries(client, made)
    assert newest["createdAt"] > middle["createdAt"] > oldest["createdAt"]
    assert newest["event"]["type"] == "call.ended"
    assert newest["event"]["id"].startswith("evt_")
    assert (newest["state"], newest["attempts"], newest["log"]) == ("pending", 0, [])
    await _set(client, oldest, state=DeliveryState.DEAD, last_error="HTTP 500", attempts=18)
    await _set(client, middle, state=DeliveryState.DELIVERED, last_status=200)
    assert [each["id"] for each in await _deliveries(client, made, "?state=dead")] == [oldest["id"]]
    assert [each["id"] for each in await _deliveries(client, made, "?state=pending")] == [newest["id"]]
    problem(await client.get(f"{HOOKS}/{made['id']}/deliveries?state=lost"), 400)
    counted = (await client.get(f"{HOOKS}/{made['id']}")).json()
    assert (counted["pending"], counted["dead"]) == (1, 1)
    first = (await client.get(f"{HOOKS}/{made['id']}/deliveries?limit=2")).json()
    rest = (await client.get(f"{HOOKS}/{made['id']}/deliveries?cursor={first['nextCursor']}")).json()
    assert [each["id"] for each in first["items"] + rest["items"]] == [
        newest["id"],
        middle["id"],
        oldest["id"],
    ]
    again = await client.post(f"/api/deliveries/{oldest['id']}/redeliver")
    assert again.status_code == 202
    assert (again.json()["state"], again.json()["attempts"]) == ("pending", 18)
    assert (await client.get(f"/api/deliveries/{oldest['id']}")).json() == again.json()
    await client.patch(f"{HOOKS}/{made['id']}", json={"enabled": False})
    problem(await client.post(f"/api/deliveries/{oldest['id']}/redeliver"), 409)
    for unknown in (uuid4(), "x"):
        problem(await client.get(f"/api/deliveries/{unknown}"), 404)
        problem(await client.post(f"/api/deliveries/{unknown}/redeliver"), 404)
        problem(await client.get(f"{HOOKS}/{unknown}/deliveries"), 404)


async def test_a_test_is_for_that_webhook_alone(client: Client) -> None:
    # Of calls: what the platform puts right of other tests' deployments is told meanwhile.
    made, other = await _make(client, kinds=["call.*"]), await _make(client, kinds=["call.*"])
    sent = await client.post(f"{HOOKS}/{made['id']}/test", json={})
    assert sent.status_code == 202
    assert sent.json()["event"]["type"] == "webhook.test"
    assert sent.json()["webhookId"] == made["id"]
    await _happened(client)
    kinds = [each["event"]["type"] for each in await _deliveries(client, made)]
    assert kinds == ["call.ended", "webhook.test"]
    assert [each["event"]["type"] for each in await _deliveries(client, other)] == ["call.ended"]


async def test_webhooks_of_livekit_come_in_beside_them(client: Client) -> None:
    problem(await client.post(f"{HOOKS}/livekit", content=b"{}"), 401)
    problem(await client.get(f"{HOOKS}/livekit"), 405)
    problem(await client.post(f"{HOOKS}/livekit/test"), 404)
    client.headers.pop("Authorization")
    for path in (HOOKS, f"{HOOKS}/{uuid4()}", f"/api/deliveries/{uuid4()}"):
        problem(await client.get(path), 401)


async def test_a_network_that_is_allowed_may_be_entered(client: Client) -> None:
    permits = Guard((ip_network("127.0.0.0/8"),)).permits_url
    service = EndpointService(platform_of(client).endpoints.postgres, permits)
    made = await service.create(NewEndpoint(url="http://127.0.0.1:9000/"))
    await service.delete(str(made.id))


async def test_deliveries_go_with_their_webhook(client: Client) -> None:
    made = await _make(client)
    await _happened(client)
    (delivery,) = await _deliveries(client, made)
    await client.delete(f"{HOOKS}/{made['id']}")
    async with platform_of(client).endpoints.postgres.begin() as db_session:
        row = WebhookDeliveryRow
        found = await db_session.execute(select(row.id).where(row.id == UUID(delivery["id"])))
        assert found.first() is None
