"""What was published of an agent, from a terminal."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Bionic, FakeApi, Json, ok

pytestmark = pytest.mark.unit


def _version(number: int, **more: object) -> Json:
    return {
        "number": number,
        "author": "ada",
        "createdAt": "2026-11-24T12:00:00Z",
        "note": None,
        "live": False,
        "deployments": 0,
        "lastDeployedAt": None,
        **more,
    }


def test_versions_that_a_rollback_could_name(api: FakeApi, bionic: Bionic) -> None:
    live = _version(
        2, live=True, deployments=3, lastDeployedAt="2026-11-24T12:00:00Z", note="Tuesday's words"
    )
    api.on("GET /api/agents/shop/versions", ok({"items": [live, _version(1)], "nextCursor": None}))
    lines = bionic("versions", "shop").out.splitlines()
    assert lines[0].split() == ["VERSION", "PUBLISHED", "BY", "DEPLOYED", "LAST"]
    assert lines[1].split()[0] == "v2"
    assert lines[1].endswith("live")
    assert lines[2] == "    Tuesday's words"
    assert "never" in lines[3]
    assert bionic("versions", "shop", "--json").document == {"items": [live, _version(1)]}


def test_an_agent_that_was_never_published(api: FakeApi, bionic: Bionic) -> None:
    api.on("GET /api/agents/shop/versions", ok({"items": [], "nextCursor": None}))
    assert (
        bionic("versions", "shop").out == "Nothing of shop is published yet. Deploy it: bionic deploy shop\n"
    )
