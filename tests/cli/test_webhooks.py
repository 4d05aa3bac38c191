"""Webhooks from a terminal."""

from __future__ import annotations

import pytest

from cli import webhooks
from tests.cli.conftest import Bionic, FakeApi, Json, ok, problem

pytestmark = pytest.mark.unit

HOOK: Json = {
    "id": "0b8e7c1e-5b0f-4f0e-9d63-b4a4a6f6a001",
    "url": "https://crm.example/hook",
    "description": "The CRM\x1b[31m",
    "kinds": ["call.ended", "deployment.*"],
    "enabled": True,
    "disabledReason": None,
    "failingSince": None,
    "secret": {"set": True, "hint": "…abc="},
    "pending": 2,
    "dead": 1,
}
DELIVERY: Json = {
    "id": "5d2f5d0c-0f4e-4b6c-8b57-2f0f3a9c0001",
    "webhookId": HOOK["id"],
    "state": "pending",
    "attempts": 0,
    "createdAt": "2026-11-24T12:00:00Z",
    "lastStatus": None,
    "lastError": None,
    "event": {"id": "evt_1", "type": "webhook.test", "data": {}},
    "log": [],
}
SECRET = "whsec_c2VjcmV0LW9mLXRoaXMtdGVzdA=="


def _tried(state: str, **attempt: object) -> Json:
    log = [{"at": "2026-11-24T12:00:01Z", "ms": 42, "status": None, "error": None, "answer": None, **attempt}]
    return {**DELIVERY, "state": state, "attempts": 1, "log": log}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "_PAUSE", 0.0)


def test_who_is_told_and_how_they_are(api: FakeApi, bionic: Bionic) -> None:
    off = {**HOOK, "enabled": False, "kinds": None, "disabledReason": "The receiver answered 410."}
    failing = {**HOOK, "failingSince": "2026-11-24T12:00:00Z", "description": None}
    api.on("GET /api/webhooks", ok({"items": [HOOK, off, failing], "nextCursor": None}))
    lines = bionic("webhooks").out.splitlines()
    assert lines[0].split() == ["WEBHOOK", "STATE", "URL", "EVENTS", "WAITING", "DEAD"]
    assert lines[1].split() == [HOOK["id"], "ok", HOOK["url"], "call.ended", "deployment.*", "2", "1"]
    assert lines[2] == "    The CRM"
    assert lines[3].split()[1:4] == ["disabled", HOOK["url"], "all"]
    assert lines[4] == "    The receiver answered 410."
    assert lines[5].split()[1] == "failing"
    assert bionic("webhooks", "--json").document == {"items": [HOOK, off, failing]}
    api.on("GET /api/webhooks", ok({"items": [], "nextCursor": None}))
    assert "webhooks add URL" in bionic("webhooks").out


def test_one_more_is_told(api: FakeApi, bionic: Bionic) -> None:
    api.on("POST /api/webhooks", ok({**HOOK, "signingSecret": SECRET}, 201))
    said = bionic("webhooks", "add", HOOK["url"], "--kind", "call.ended", "--kind", "deployment.*").out
    assert SECRET in said
    assert "not shown again" in said
    assert api.bodies()[0] == {
        "url": HOOK["url"],
        "kinds": ["call.ended", "deployment.*"],
        "description": None,
    }
    assert bionic("webhooks", "add", HOOK["url"], "--json").document["signingSecret"] == SECRET
    assert api.bodies()[1]["kinds"] is None
    api.on("POST /api/webhooks", problem(400, "The body is not valid.", ("/url", "must start with https://")))
    ended = bionic("webhooks", "add", "ftp://x")
    assert ended.code == 1
    assert "/url" in ended.err


def test_a_test_says_what_was_answered(api: FakeApi, bionic: Bionic) -> None:
    api.on(f"POST /api/webhooks/{HOOK['id']}/test", ok(DELIVERY, 202))
    delivered = _tried("delivered", status=200, answer="thanks\n<html>")
    api.on(f"GET /api/deliveries/{DELIVERY['id']}", ok(DELIVERY), ok(delivered))
    assert bionic("webhooks", "test", HOOK["id"]).out == "Delivered in 42 ms: HTTP 200 thanks <html>\n"
    api.on(f"GET /api/deliveries/{DELIVERY['id']}", ok(delivered))
    assert bionic("webhooks", "test", HOOK["id"], "--json").document == delivered


def test_a_test_that_fails(api: FakeApi, bionic: Bionic, monkeypatch: pytest.MonkeyPatch) -> None:
    api.on(f"POST /api/webhooks/{HOOK['id']}/test", ok(DELIVERY, 202))
    failed = _tried("pending", error="HTTP 500", status=500, answer="broken")
    api.on(f"GET /api/deliveries/{DELIVERY['id']}", ok(failed))
    ended = bionic("webhooks", "test", HOOK["id"])
    assert ended.code == 1
    assert "HTTP 500: broken" in ended.err
    ended = bionic("webhooks", "test", HOOK["id"], "--json")
    assert (ended.code, ended.document) == (1, failed)
    monkeypatch.setattr(webhooks, "_TEST_SECONDS", -1.0)
    api.on(f"GET /api/deliveries/{DELIVERY['id']}", ok(DELIVERY))
    ended = bionic("webhooks", "test", HOOK["id"])
    assert ended.code == 1
    assert "control worker" in ended.err


def test_what_was_sent_and_sent_again(api: FakeApi, bionic: Bionic) -> None:
    dead = {**DELIVERY, "state": "dead", "attempts": 18, "lastError": "connection refused"}
    api.on(f"GET /api/webhooks/{HOOK['id']}/deliveries", ok({"items": [dead], "nextCursor": None}))
    lines = bionic("webhooks", "deliveries", HOOK["id"], "--state", "dead").out.splitlines()
    assert lines[0].split() == ["DELIVERY", "WHEN", "EVENT", "STATE", "TRIES", "ANSWER"]
    assert lines[1].split()[-5:] == ["webhook.test", "dead", "18", "connection", "refused"]
    assert api.asked[0].url.params["state"] == "dead"
    api.on(f"POST /api/deliveries/{dead['id']}/redeliver", ok({**dead, "state": "pending"}, 202))
    said = bionic("webhooks", "redeliver", dead["id"], dead["id"]).out
    assert said.count("webhook.test is sent again now") == 2
    api.on(f"POST /api/deliveries/{dead['id']}/redeliver", problem(409, "The webhook is disabled."))
    assert bionic("webhooks", "redeliver", dead["id"]).code == 1
    api.on(f"GET /api/webhooks/{HOOK['id']}/deliveries", ok({"items": [], "nextCursor": None}))
    assert bionic("webhooks", "deliveries", HOOK["id"]).out == "Nothing was sent there in the last week.\n"
