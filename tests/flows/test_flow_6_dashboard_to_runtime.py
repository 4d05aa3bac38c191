"""Flow 6: the dashboard gets every agent's real-time status and figures from `GET /api/agents`."""

from __future__ import annotations

import pytest

from tests.support.caller import calling
from tests.support.platform import Json, Platform
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration


async def _listed(platform: Platform, slug: str) -> Json:
    items = (await platform.call("GET", "/api/agents"))["items"]
    return next(item for item in items if item["slug"] == slug)


async def test_the_list_shows_live_status_and_figures(platform: Platform) -> None:
    agent = await platform.create("flow6")
    before = await _listed(platform, agent["slug"])
    assert before["status"] == "draft"
    assert before["replicas"] == {"desired": 0, "ready": 0}

    await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {"replicas": 2}, expect=202)
    await platform.reaches(agent["id"], "running")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.agent()

        async def one_call() -> Json | None:
            item = await _listed(platform, agent["slug"])
            return item if item["activeCalls"] == 1 else None

        live = await eventually(one_call, "one active call in the list")
    assert live["status"] == "running"
    assert live["liveVersion"] == 1
    assert live["replicas"] == {"desired": 2, "ready": 2}
    assert live["callsToday"] == 1
    assert live["lastError"] is None
    await platform.stop(agent["id"])


async def test_fewer_replicas_drain_and_the_version_stays(platform: Platform) -> None:
    agent = await platform.create("flow6-scale")
    await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {"replicas": 3}, expect=202)
    await platform.reaches(agent["id"], "running")
    await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {"replicas": 1}, expect=202)

    async def one_left() -> Json | None:
        item = await _listed(platform, agent["slug"])
        return item if item["replicas"] == {"desired": 1, "ready": 1} else None

    item = await eventually(one_left, "one replica left")
    assert (item["status"], item["liveVersion"]) == ("running", 1)
    await platform.stop(agent["id"])
