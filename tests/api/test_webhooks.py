"""LiveKit's webhooks over HTTP: what they do to calls, and which are believed."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from common.status import Status
from db.repositories.rooms import RoomRepository
from tests.api.conftest import Client, platform_of
from tests.api.helpers import (
    CONFIG,
    HOOK,
    OWN_LIVEKIT,
    call_of,
    deploy,
    make_call,
    make_live,
    report,
    signature,
    unique,
    webhook,
)
from tests.api.test_http import problem
from tests.support.livekit_hooks import told

pytestmark = pytest.mark.integration


async def test_a_finished_room_ends_its_call_once(client: Client) -> None:
    token = await make_call(client, await make_live(client))
    body = webhook("room_finished", token["room"])
    first = await client.post(HOOK, content=body, headers=signature(body))
    assert first.json() == {"taken": True}
    call = await call_of(client, token["callId"])
    assert (call["status"], call["endReason"]) == ("ended", "room finished")
    again = await client.post(HOOK, content=body, headers=signature(body))
    assert again.json() == {"taken": False}
    assert await call_of(client, token["callId"]) == call


async def test_a_room_to_whose_name_its_caller_has_come_since_is_not_over(client: Client) -> None:
    token = await make_call(client, await make_live(client))
    for body, status in (
        (told("participant_joined", token), "waiting"),
        (webhook("room_finished", token["room"], age=30), "waiting"),
        (webhook("room_finished", token["room"]), "ended"),
        (webhook("room_finished", token["room"], age=30), "ended"),
    ):
        assert (await client.post(HOOK, content=body, headers=signature(body))).json() == {"taken": True}
        assert (await call_of(client, token["callId"]))["status"] == status


async def test_other_events_are_only_noted(client: Client) -> None:
    token = await make_call(client, await make_live(client))
    body = webhook("participant_joined", token["room"])
    assert (await client.post(HOOK, content=body, headers=signature(body))).json() == {"taken": True}
    assert (await call_of(client, token["callId"]))["status"] == "waiting"


async def test_a_call_has_what_livekit_said_of_its_room(client: Client) -> None:
    agent = await make_live(client)
    token, other = await make_call(client, agent), await make_call(client, agent)
    said = ["room_started", "participant_joined", "track_published", "room_finished"]
    for event in said:
        body = webhook(event, token["room"])
        assert (await client.post(HOOK, content=body, headers=signature(body))).status_code == 200
    call = await call_of(client, token["callId"])
    assert [each["event"] for each in call["events"]] == said
    assert (call["events"][0]["attempt"], call["events"][0]["data"]) == (None, None)
    assert [each["at"] for each in call["events"]] == sorted(each["at"] for each in call["events"])
    assert (await call_of(client, other["callId"]))["events"] == []


async def test_webhooks_of_strangers(client: Client) -> None:
    token = await make_call(client, await make_live(client))
    body = webhook("room_finished", token["room"])
    other = webhook("room_finished", token["room"])
    old = webhook("room_finished", token["room"], age=3600)
    forged = jwt.encode({"iss": "test-livekit-key", "exp": 9e9}, "", algorithm="none")
    for content, headers in (
        (body, {}),
        (body, {"Authorization": "rubbish"}),
        (body, {"Authorization": forged}),
        (body, signature(other)),
        (body + b" ", signature(body)),
        (body, signature(body, ttl=-120)),
        (body, signature(body, secret="x" * 40)),
        (body, signature(body, key="unknown-key")),
        (old, signature(old)),
    ):
        problem(await client.post(HOOK, content=content, headers=headers), 401)
    assert (await call_of(client, token["callId"]))["status"] == "waiting"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"event": 1}', b'{"event": "x"}', b"\xff"])
async def test_signed_rubbish(client: Client, body: bytes) -> None:
    problem(await client.post(HOOK, content=body, headers=signature(body)), 400)


async def test_an_agents_own_server_speaks_for_its_own_rooms_only(client: Client) -> None:
    own = OWN_LIVEKIT | {"apiKey": unique("key"), "apiSecret": "k" * 40}
    theirs = await make_call(client, await make_live(client, livekitConfig=own))
    others = await make_call(client, await make_live(client))
    for token, status in ((theirs, "ended"), (others, "waiting")):
        body = webhook("room_finished", token["room"])
        headers = signature(body, key=own["apiKey"], secret=own["apiSecret"])
        assert (await client.post(HOOK, content=body, headers=headers)).status_code == 200
        call = await call_of(client, token["callId"])
        assert (call["status"], len(call["events"])) == (status, 1 if status == "ended" else 0)


async def test_wrong_signatures_are_turned_away_before_postgres_is_asked(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = OWN_LIVEKIT | {"apiKey": unique("key"), "apiSecret": "k" * 40}
    agent = await make_live(client, livekitConfig=own)
    asked = []
    placed_with_key = RoomRepository.placed_with_key

    async def counted(*args: Any) -> Any:
        asked.append(args)
        return await placed_with_key(*args)

    monkeypatch.setattr(RoomRepository, "placed_with_key", counted)
    platform_of(client).webhooks.failures.rate = 0.0  # this test may take its time

    async def send(secret: str) -> int:
        token = await make_call(client, agent)
        body = webhook("room_finished", token["room"])
        headers = signature(body, key=own["apiKey"], secret=secret)
        status = (await client.post(HOOK, content=body, headers=headers)).status_code
        assert (await call_of(client, token["callId"]))["status"] == ("ended" if status == 200 else "waiting")
        return status

    assert await send(own["apiSecret"]) == 200
    statuses = [await send("x" * 40) for _ in range(31)]
    assert statuses[:30] == [401] * 30
    assert statuses[-1] == 429
    asked.clear()
    assert await send("x" * 40) == 429
    assert asked == []
    assert await send(own["apiSecret"]) == 200  # known to be right, whatever else comes from there


async def test_webhooks_of_keys_that_changed_since(client: Client) -> None:
    first = OWN_LIVEKIT | {"apiKey": unique("key"), "apiSecret": "k" * 40}
    agent = await make_live(client, livekitConfig=first)
    token = await make_call(client, agent)
    second = first | {"url": "wss://other.example", "apiSecret": "l" * 40}
    await client.patch(f"/api/agents/{agent['id']}", json={"config": CONFIG | {"livekitConfig": second}})
    await deploy(client, agent)
    await report(client, agent, Status.RUNNING, live=True)
    for secret in (second["apiSecret"], first["apiSecret"], second["apiSecret"]):
        body = webhook("participant_joined", token["room"])
        headers = signature(body, key=first["apiKey"], secret=secret)
        assert (await client.post(HOOK, content=body, headers=headers)).json() == {"taken": True}
    assert len((await call_of(client, token["callId"]))["events"]) == 3
