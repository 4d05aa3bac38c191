"""Hosts, and whether the parts of the platform answer."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from cli.hosts import amount, share
from tests.cli.conftest import Bionic, FakeApi, Json, ok, problem

pytestmark = pytest.mark.unit

HOST: Json = {
    "name": "vm-1392",
    "version": "0.1.0",
    "agents": 3,
    "activeCalls": 1,
    "maxCalls": 24,
    "cpu": 0.425,
    "memory": 1_610_612_736,
    "status": "up",
    "standing": "open",
    "full": None,
}


def test_hosts_and_how_busy_they_are(api: FakeApi, bionic: Bionic) -> None:
    seen = datetime.now(UTC).isoformat()
    others = [
        {"name": "vm-7", "status": "up", "full": "cpu", "activeCalls": 3},
        {"name": "vm-8", "status": "silent", "standing": "cordoned"},
        {"name": "vm-9"},
    ]
    api.on("GET /api/hosts", ok({"items": [HOST | {"lastSeenAt": seen}, *others], "nextCursor": None}))
    lines = bionic("hosts").out.splitlines()
    assert lines[0] == "HOST     VERSION  STATE             AGENTS  CALLS   CPU   MEMORY  SEEN"
    assert lines[1].startswith("vm-1392  0.1.0    up                     3   1/24  42 %  1.5 GiB  just now")
    assert lines[2] == "vm-7     —        up, full: cpu          —      3     —        —  —"
    assert lines[3] == "vm-8     —        silent, cordoned       —      —     —        —  —"
    assert lines[4] == "vm-9     —        —                      —      —     —        —  —"
    assert len(bionic("hosts", "--json").document["items"]) == 4


def test_no_host_is_a_problem_with_a_cure(api: FakeApi, bionic: Bionic) -> None:
    api.on("GET /api/hosts", ok({"items": []}))
    assert "Start one: python -m workers.runtime" in bionic("hosts").out


@pytest.mark.parametrize(
    ("verb", "answer", "said"),
    [
        ("cordon", {"status": "cordoned", "standing": "cordoned"}, "vm 7 is cordoned"),
        ("cordon", {"status": "gone", "standing": "cordoned"}, "vm 7 will take no agents when it comes back"),
        ("uncordon", {"status": "up", "standing": "open"}, "vm 7 takes agents again"),
        ("drain", {"status": "draining", "standing": "drained"}, "vm 7 is being drained"),
        ("drain", {"status": "drained", "standing": "drained"}, "vm 7 is drained: it carries no agent"),
        ("cordon", {"status": "cordoned", "standing": "cordoned", "note": "Nobody else."}, "Nobody else."),
    ],
)
def test_orders_to_a_host(api: FakeApi, bionic: Bionic, verb: str, answer: Json, said: str) -> None:
    api.on(f"POST /api/hosts/vm 7/{verb}", ok(answer, 202))
    assert said in bionic("hosts", verb, "vm 7").out
    assert bionic("hosts", verb, "vm 7", "--json").document == answer
    assert api.asked[0].url.raw_path == f"/api/hosts/vm%207/{verb}".encode()


def test_a_refused_order_says_why(api: FakeApi, bionic: Bionic) -> None:
    api.on("POST /api/hosts/vm-7/drain", problem(409, "No other host takes agents."))
    ended = bionic("hosts", "drain", "vm-7")
    assert (ended.code, "No other host takes agents." in ended.err) == (1, True)


def test_figures_of_any_kind() -> None:
    assert [share(value) for value in (0, 1, None, "busy", True)] == ["0 %", "100 %", "—", "—", "—"]
    assert [amount(value) for value in (0.5, 50 * 2**20, 3 * 2**30, "much")] == [
        "50 %",
        "50 MiB",
        "3.0 GiB",
        "—",
    ]


def _health(livekit: Json) -> Json:
    components = {"postgres": {"status": "ok", "detail": None}, "livekit": livekit}
    status = "ok" if livekit["status"] == "ok" else "degraded"
    return {"status": status, "components": components}


def test_all_is_well(api: FakeApi, bionic: Bionic) -> None:
    api.on("GET /health", ok(_health({"status": "ok", "detail": None})))
    ended = bionic("health")
    assert ended.code == 0
    assert "Everything answers." in ended.out


def test_a_part_that_is_down(api: FakeApi, bionic: Bionic, monkeypatch: pytest.MonkeyPatch) -> None:
    content = _health({"status": "down", "detail": "LiveKit does not answer in time."})
    api.on("GET /health", ok(content, 503))
    ended = bionic("health")
    assert ended.code == 1
    assert "livekit   down\n    LiveKit does not answer in time.\n" in ended.out
    assert "Not all is well: livekit." in ended.out
    told = bionic("health", "--json")
    assert (told.code, told.document) == (1, content)
    monkeypatch.delenv("BIONIC_API_KEY")
    assert "With an API key, it says what is wrong." in bionic("health").out


def test_a_part_that_does_not_do_all_that_it_is_for(api: FakeApi, bionic: Bionic) -> None:
    api.on("GET /health", ok(_health({"status": "degraded", "detail": "No host takes agents."})))
    ended = bionic("health")
    assert ended.code == 0
    assert "livekit   degraded\n    No host takes agents.\n" in ended.out
    assert "Everything answers, but not all is well: livekit." in ended.out


def test_a_proxy_s_503_is_no_health(api: FakeApi, bionic: Bionic) -> None:
    api.on("GET /health", httpx.Response(503, json={"error": "no upstream"}))
    assert bionic("health").code == 3
