"""Flow 3: the runtime connects agents to LiveKit, with the agent's own `livekitConfig` first."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from livekit import api

from tests.support.by_name import calling_by_name
from tests.support.caller import calling
from tests.support.other_livekit import other_livekit
from tests.support.platform import Platform

pytestmark = pytest.mark.integration

OTHER_KEY = "another-livekit-key"
OTHER_SECRET = "another-livekit-secret-of-at-least-32-characters"


async def test_a_deployed_agent_joins_its_caller(platform: Platform) -> None:
    agent = await platform.deployed("flow3")
    token = await platform.token(agent["slug"])
    assert token["url"] == platform.stack.livekit_url
    async with calling(token["url"], token["token"]) as caller:
        await caller.agent()
        await caller.hears("Hello, how can I help?")
    await platform.stop(agent["id"])


async def test_an_agent_with_its_own_livekit_really_connects_there(
    platform: Platform, tmp_path: Path
) -> None:
    async with other_livekit(tmp_path, OTHER_KEY, OTHER_SECRET, platform.stack) as other:
        own = {"url": other.livekit_url, "apiKey": OTHER_KEY, "apiSecret": OTHER_SECRET}
        agent = await platform.deployed("flow3-own", livekitConfig=own)
        token = await platform.token(agent["slug"])
        assert token["url"] == other.livekit_url

        async with calling(token["url"], token["token"]) as caller:
            await caller.agent()
            await caller.hears("Hello, how can I help?")
            async with api.LiveKitAPI(other.livekit_url, OTHER_KEY, OTHER_SECRET) as there:
                rooms = await there.room.list_rooms(api.ListRoomsRequest())
            assert [room.name for room in rooms.rooms] == [token["room"]]
        await platform.stop(agent["id"])


async def test_the_plain_slug_can_be_dispatched_as_livekit_does(platform: Platform) -> None:
    agent = await platform.deployed("flow3-plain")
    async with calling_by_name(platform, agent["slug"]) as caller:
        await caller.hears("Hello, how can I help?")
        calls = await asyncio.wait_for(_calls(platform, agent["id"]), 10)
    assert calls[0]["status"] == "active"
    await platform.stop(agent["id"])


async def _calls(platform: Platform, agent_id: str) -> list[dict[str, object]]:
    while True:
        found = await platform.call("GET", f"/api/calls?agent={agent_id}")
        if found["items"]:
            items: list[dict[str, object]] = found["items"]
            return items
        await asyncio.sleep(0.05)
