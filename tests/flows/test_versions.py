"""Versions on the whole platform: out with the new one, back to the one before."""

from __future__ import annotations

import pytest

from tests.support.caller import calling
from tests.support.platform import Json, Platform, offline_config
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration


async def _serves(platform: Platform, agent_id: str, version: int) -> None:
    async def live() -> bool:
        return bool((await platform.agent(agent_id))["liveVersion"] == version)

    await eventually(live, f"version {version} live", seconds=20)


async def test_a_rollback_brings_back_what_callers_heard_before(platform: Platform) -> None:
    agent = await platform.deployed("rolled-back")
    path = f"/api/agents/{agent['id']}"
    await platform.call("PATCH", path, {"config": offline_config(greeting="A mistake.")})
    note: Json = {"note": "A new greeting."}
    await platform.call("POST", f"{path}/versions", note, expect=201)
    await platform.call("POST", f"{path}/deploy", {}, expect=202)
    await _serves(platform, agent["id"], 2)

    back = await platform.call("POST", f"{path}/rollback", expect=202)
    assert (back["kind"], back["version"]) == ("rollback", 1)
    await _serves(platform, agent["id"], 1)

    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")
    versions = (await platform.call("GET", f"{path}/versions"))["items"]
    assert [(item["number"], item["live"], item["note"]) for item in versions] == [
        (2, False, "A new greeting."),
        (1, True, None),
    ]
    (change,) = (await platform.call("GET", f"{path}/versions/diff?from=1&to=draft"))["changes"]
    assert (change["pointer"], change["after"]) == ("/config/greeting", "A mistake.")
    await platform.stop(agent["id"])
    await platform.call("DELETE", path, expect=204)
