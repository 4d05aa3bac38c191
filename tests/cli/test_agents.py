"""What there is, as people and as scripts see it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import AGENT, Bionic, FakeApi, deployment, ok, transition

pytestmark = pytest.mark.unit

FAILED = AGENT | {
    "slug": "front-desk",
    "name": "Front desk",
    "status": "failed",
    "liveVersion": None,
    "replicas": {"desired": 1, "ready": 0},
    "activeCalls": 0,
    "callsToday": 0,
    "lastError": "LiveKit refused the API key. Check Settings → LiveKit.",
}


def test_the_list_says_how_each_is(api: FakeApi, bionic: Bionic) -> None:
    api.on("GET /api/agents", ok({"items": [AGENT, FAILED], "nextCursor": None}))
    ended = bionic("agents")
    assert ended.code == 0
    assert ended.out.splitlines() == [
        "AGENT       NAME        STATUS   LIVE  REPLICAS  CALLS  TODAY",
        "shop        Shop        running    v3       2/2      1     12",
        "front-desk  Front desk  failed      —       0/1      0      0",
        "    last error: LiveKit refused the API key. Check Settings → LiveKit.",
        "",
        "2 agents: 1 failed, 1 running; 1 call now",
    ]
    assert not ended.err


def test_a_version_on_trial_is_told_of(api: FakeApi, bionic: Bionic) -> None:
    trial = AGENT | {"canary": {"version": 4, "percent": 12.5, "deploymentId": "d"}}
    api.on("GET /api/agents", ok({"items": [trial], "nextCursor": None}))
    assert bionic("agents").out.splitlines()[2] == "    canary: version 4 gets 12.5 % of new calls"
    api.on("GET /api/agents/shop", ok(trial | {"config": {}, "deployment": None}))
    assert "  Canary    version 4 gets 12.5 % of new calls\n" in bionic("agents", "show", "shop").out


def test_each_replica_says_where_it_is(api: FakeApi, bionic: Bionic) -> None:
    moved = {"version": 3, "number": 2, "status": "running", "host": "vm-2", "attempt": 2}
    new = {"version": 4, "number": 3, "status": "starting", "host": None, "attempt": 1}
    more: dict[str, Any] = {"config": {}, "deployment": None, "registrations": [moved, new]}
    api.on("GET /api/agents/shop", ok(AGENT | more))
    shown = bionic("agents", "show", "shop").out
    assert "v3 replica 2 on vm-2: running, attempt 2\n" in shown
    assert "v4 replica 3 on no host yet: starting\n" in shown


def test_all_pages_are_one_list(api: FakeApi, bionic: Bionic) -> None:
    api.on(
        "GET /api/agents",
        ok({"items": [AGENT], "nextCursor": "next"}),
        ok({"items": [FAILED], "nextCursor": None}),
    )
    ended = bionic("agents", "--json")
    assert ended.document == {"items": [AGENT, FAILED]}
    assert [request.url.params.get("cursor") for request in api.asked] == [None, "next"]


def test_nobody_there_teaches_the_next_step(api: FakeApi, bionic: Bionic) -> None:
    api.on("GET /api/agents", ok({"items": [], "nextCursor": None}))
    assert bionic("agents").out == "No agents yet. Make one: bionic create NAME --config FILE.json\n"
    assert bionic("--json", "agents").document == {"items": []}


def test_one_agent_with_its_deployment(api: FakeApi, bionic: Bionic) -> None:
    story = deployment(transition(0, "validating"), transition(0.8, "starting"), transition(2.4, "running"))
    api.on("GET /api/agents/shop", ok(AGENT | {"config": {}, "deployment": story}))
    out = bionic("agents", "show", "shop").out
    assert "  Replicas  2/2 ready\n" in out
    assert "  12:00:00  +800 ms     starting\n  12:00:02  +1.6 s      running\n" in out
    assert story["workflowUrl"] in out
    assert bionic("agents", "show", "shop", "--json").document["deployment"] == story


def test_fields_that_are_missing_are_dashes(api: FakeApi, bionic: Bionic) -> None:
    api.on("GET /api/agents", ok({"items": [{"slug": "old"}]}))
    ended = bionic("agents")
    assert ended.code == 0
    assert "old    —     —          —" in ended.out


def test_names_move_no_cursor(api: FakeApi, bionic: Bionic) -> None:
    api.on("GET /api/agents", ok({"items": [AGENT | {"name": "a\x1b[2Jb\x07c\nd"}]}))
    assert "shop   ab c d  running" in bionic("agents").out


def test_create_sends_the_file(api: FakeApi, bionic: Bionic, tmp_path: Path) -> None:
    config = {"instructions": "Be brief."}
    (tmp_path / "shop.json").write_text(json.dumps(config))
    api.on("POST /api/agents", ok(AGENT | {"status": "draft"}, 201))
    ended = bionic("create", "Shop", "--config", "shop.json", "--slug", "shop")
    assert ended.out == "shop is a draft.\n  Bring it up: bionic deploy shop\n"
    assert bionic("create", "Shop", "--config", "shop.json", "--json").document["slug"] == "shop"
    assert api.bodies() == [
        {"name": "Shop", "slug": "shop", "config": config},
        {"name": "Shop", "config": config},
    ]


def test_config_is_printed_and_replaced(api: FakeApi, bionic: Bionic, tmp_path: Path) -> None:
    config = {"instructions": "Sei höflich."}
    api.on("GET /api/agents/shop", ok(AGENT | {"config": config}))
    api.on("PATCH /api/agents/shop", ok(AGENT | {"config": config}))
    printed = bionic("config", "shop")
    assert printed.document == config
    assert "höflich" in printed.out
    (tmp_path / "new.json").write_text(printed.out, encoding="utf-8")
    ended = bionic("config", "shop", "--set", "new.json")
    assert ended.out.startswith("The draft of shop is replaced; what is deployed goes on unchanged.\n")
    assert api.bodies("PATCH") == [{"config": config}]
