"""Drafts and versions from a terminal."""

from __future__ import annotations

import pytest

from tests.cli.conftest import AGENT, Bionic, FakeApi, Json, ok, problem

pytestmark = pytest.mark.unit

PATH = "/api/agents/shop/versions"


def _version(number: int, *, live: bool = False) -> Json:
    return {"number": number, "author": "ada", "note": None, "live": live}


def test_a_draft_becomes_a_version(api: FakeApi, bionic: Bionic) -> None:
    api.on(f"POST {PATH}", ok(_version(4), 201))
    done = bionic("publish", "shop", "--note", "Tuesday's words")
    assert api.bodies() == [{"note": "Tuesday's words"}]
    assert done.out == ("Version 4 of shop is published.\n  Bring it up: bionic deploy shop --version 4\n")
    api.on(f"POST {PATH}", ok(_version(4, live=True)))
    assert bionic("publish", "shop").out == "The draft of shop is version 4 already.\n"
    assert bionic("publish", "shop", "--json").document == _version(4, live=True)


def test_what_differs_is_told_field_by_field(api: FakeApi, bionic: Bionic) -> None:
    changes = [
        {"pointer": "/config/greeting", "change": "changed", "before": "Hello", "after": "Grüezi"},
        {
            "pointer": "/config/analysis/schema",
            "change": "added",
            "before": None,
            "after": {"type": "object"},
        },
        {"pointer": "/config/comeback", "change": "removed", "before": "Sorry.", "after": None},
    ]
    found = {"from": 1, "to": "draft", "changes": changes}
    api.on(f"GET {PATH}/diff", ok(found))
    assert bionic("diff", "shop", "v1").out.splitlines() == [
        "/config/greeting  changed",
        '  - "Hello"',
        '  + "Grüezi"',
        "/config/analysis/schema  added",
        '  + {"type": "object"}',
        "/config/comeback  removed",
        '  - "Sorry."',
    ]
    assert dict(api.asked[-1].url.params) == {"from": "1", "to": "draft"}
    assert bionic("diff", "shop", "1", "2", "--json").document == found
    api.on(f"GET {PATH}/diff", ok({"from": 1, "to": 2, "changes": []}))
    assert bionic("diff", "shop", "1", "2").out == "version 1 and version 2 of shop are the same.\n"
    wrong = bionic("diff", "shop", "latest")
    assert wrong.code == 2
    assert "give the number of a version, or draft" in wrong.err


def test_a_version_becomes_the_draft_again(api: FakeApi, bionic: Bionic) -> None:
    api.on(f"POST {PATH}/2/restore", ok(AGENT))
    done = bionic("restore", "shop", "2")
    assert done.out == "The draft of shop is version 2 again; what is deployed goes on unchanged.\n"
    api.on(f"POST {PATH}/9/restore", problem(404, "shop has no version 9."))
    assert bionic("restore", "shop", "9").code == 1


def test_an_agent_is_deleted_only_when_that_is_meant(api: FakeApi, bionic: Bionic) -> None:
    asked = bionic("delete", "shop")
    assert asked.code != 0
    assert api.asked == []
    api.on("DELETE /api/agents/shop", ok({}, 200))
    assert bionic("delete", "shop", "--yes").out == "shop is deleted.\n"
    api.on("DELETE /api/agents/shop", problem(409, "shop is deployed. Stop it first."))
    refused = bionic("delete", "shop", "--yes")
    assert (refused.code, refused.out) == (1, "")
    assert "Stop it first" in refused.err
