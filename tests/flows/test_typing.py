"""Text chat in a call through the API."""

from __future__ import annotations

import pytest

from tests.support.caller import calling
from tests.support.platform import ANSWER, ORDER, Platform
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

CALLS = 6


async def taken(platform: Platform, path: str) -> None:
    """Type until the agent has it, from the first moment on."""

    async def look() -> bool:
        return (await platform.http.post(path, json={"text": ORDER})).status_code == 202

    await eventually(look, "the message to be taken", seconds=10, every=0.002)


async def test_what_is_typed_through_the_api_is_heard_and_answered(platform: Platform) -> None:
    agent = await platform.deployed("typed")
    token = await platform.token(agent["id"])
    path = f"/api/calls/{token['callId']}/messages"
    await platform.call("POST", path, {"text": ORDER}, expect=409)
    async with calling(token["url"], token["token"]) as caller:
        await taken(platform, path)
        await caller.hears(ANSWER)

        async def written() -> bool:
            call = await platform.call("GET", f"/api/calls/{token['callId']}")
            said = [(turn["role"], turn["text"]) for turn in call["turns"]]
            return ("user", ORDER) in said and any(role == "agent" and ANSWER in text for role, text in said)

        await eventually(written, "both to be turns of the call", seconds=10)


async def test_what_an_agent_takes_as_it_comes_is_answered(platform: Platform) -> None:
    """LiveKit knows of an agent before the agent hears anything: data packets sent then were lost."""
    agent = await platform.deployed("typed-early")
    for _ in range(CALLS):
        token = await platform.token(agent["id"])
        async with calling(token["url"], token["token"]) as caller:
            await taken(platform, f"/api/calls/{token['callId']}/messages")
            await caller.hears(ANSWER)
    await platform.stop(agent["id"])
