"""Flow 5: the dashboard reads configurations and calls from the database; Temporal need not be there."""

from __future__ import annotations

import pytest

from tests.support.caller import calling
from tests.support.platform import Platform

pytestmark = pytest.mark.integration


async def test_reads_go_on_while_temporal_is_away(platform: Platform) -> None:
    agent = await platform.deployed("flow5")
    await platform.stack.stop("temporal")
    try:
        shown = await platform.agent(agent["slug"])
        assert shown["config"]["greeting"] == "Hello, how can I help?"
        assert shown["status"] == "running"
        overview = await platform.call("GET", "/api/stats/overview")
        assert overview
        refused = await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {}, expect=503)
        assert "Temporal" in refused["detail"]

        # Calls need no Temporal: tokens are minted and the agent comes.
        token = await platform.token(agent["slug"])
        async with calling(token["url"], token["token"]) as caller:
            await caller.hears("Hello, how can I help?")
        calls = await platform.call("GET", f"/api/calls?agent={agent['id']}")
        assert [call["id"] for call in calls["items"]] == [token["callId"]]
    finally:
        await platform.stack.start("temporal")
    await platform.stack.wait_healthy(30)
    await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {}, expect=202)
    await platform.reaches(agent["id"], "running")
    await platform.stop(agent["id"])
