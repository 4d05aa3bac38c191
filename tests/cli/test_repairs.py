"""What the platform put right by itself, from a terminal."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Bionic, FakeApi, Json, ok, problem

pytestmark = pytest.mark.unit

REPAIR: Json = {
    "id": "6f9bd71c-7b1b-4f4e-8a39-8d4f4b6a1f10",
    "at": "2026-11-24T12:00:00Z",
    "kind": "agent lost",
    "agentId": "e283c022-5782-4361-832e-4beee19514c0",
    "subject": "e283c022-5782-4361-832e-4beee19514c0",
    "what": "Temporal had no workflow of “shop”: version 3 is deployed again.\x1b[31m",
}


def test_repairs_and_what_was_done(api: FakeApi, bionic: Bionic) -> None:
    api.on("GET /api/repairs", ok({"items": [REPAIR], "nextCursor": None}))
    lines = bionic("repairs", "--agent", "shop", "--limit", "5").out.splitlines()
    assert lines[0].split() == ["WHEN", "KIND", "OF"]
    assert "agent lost" in lines[1]
    assert lines[2] == "    Temporal had no workflow of “shop”: version 3 is deployed again."
    assert dict(api.asked[0].url.params) == {"agent": "shop", "limit": "5"}
    assert bionic("repairs", "--json").document == {"items": [REPAIR]}


def test_nothing_to_repair_is_good_news(api: FakeApi, bionic: Bionic) -> None:
    api.on("GET /api/repairs", ok({"items": [], "nextCursor": None}))
    assert bionic("repairs").out == "Nothing had to be put right in the last 30 days.\n"


def test_an_agent_that_is_none(api: FakeApi, bionic: Bionic) -> None:
    api.on("GET /api/repairs", problem(404, "There is no agent “shoop”."))
    ended = bionic("repairs", "--agent", "shoop")
    assert ended.code == 1
    assert "There is no agent “shoop”." in ended.err
