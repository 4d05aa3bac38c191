"""Flow 7: the dashboard asks LiveKit's server API for rooms and participants."""

from __future__ import annotations

import pytest

from tests.support.caller import calling
from tests.support.platform import Platform

pytestmark = pytest.mark.integration


async def test_rooms_and_participants_come_from_livekit(platform: Platform) -> None:
    agent = await platform.deployed("flow7")
    token = await platform.token(agent["slug"], participantName="Ada")
    async with calling(token["url"], token["token"]) as caller:
        await caller.agent()
        rooms = (await platform.call("GET", "/api/livekit/rooms"))["items"]
    room = next(room for room in rooms if room["name"] == token["room"])
    people = {person["identity"]: person for person in room["participants"]}
    assert people[token["identity"]]["name"] == "Ada"
    assert len(people) == 2
    await platform.stop(agent["id"])
