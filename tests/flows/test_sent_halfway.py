"""Whoever sends another agent does what is needed, and no more: a try before may have come half the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from livekit import api, rtc

from activities import dispatching
from activities.recovery import CallActivities
from agents.dispatch import ATTEMPT
from common.errors import LiveKitUnreachable
from common.settings import Settings
from db.engine import Database
from tests.support.caller import calling
from tests.support.hosts import another_host, carriers, order, own_host
from tests.support.outages import GREETING
from tests.support.platform import Platform
from tests.support.recoveries import COMEBACK, settled
from tests.support.waiting import eventually
from workflows.call_types import AgentLost, CallState, SendAgent

pytestmark = pytest.mark.integration

GHOST, INTERPRETER = "agent-AJ_ghost", "interpreter"
OTHER = "carries-nothing"


@pytest.fixture
async def calls(platform: Platform) -> AsyncIterator[CallActivities]:
    """What a control worker does for calls, in this process."""
    env = platform.stack.service("runtime").spec.env or {}
    known = {name.lower(): value for name, value in env.items() if name.lower() in Settings.model_fields}
    settings = Settings(**known)  # type: ignore[arg-type]  # as from the environment
    database = Database.connect(settings.database_url, settings.bionic_master_key.get_secret_value())
    async with aiohttp.ClientSession() as http:
        yield CallActivities(database, settings, http)
    await database.close()


def _agent_token(settings: Settings, room: str, identity: str, **attributes: str) -> str:
    token = api.AccessToken(settings.livekit_api_key, settings.livekit_api_secret.get_secret_value())
    grants = api.VideoGrants(room_join=True, room=room, agent=True)
    token = token.with_identity(identity).with_kind("agent").with_grants(grants)
    return token.with_attributes(attributes).to_jwt()


async def test_a_ghost_is_removed_and_the_agent_that_came_meanwhile_stays(
    platform: Platform, calls: CallActivities, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so does one that others have brought along."""
    agent = await platform.deployed("halfway")
    token = await platform.token(agent["slug"])
    ghost, interpreter = rtc.Room(), rtc.Room()
    async with calling(token["url"], token["token"], quiet=True) as caller:
        await caller.hears(GREETING)
        first = (await caller.agent()).identity
        await settled(platform, token["callId"])
        for room, identity, mark in ((ghost, GHOST, {ATTEMPT: "1"}), (interpreter, INTERPRETER, {})):
            await room.connect(token["url"], _agent_token(calls.settings, caller.room.name, identity, **mark))
        request = SendAgent(token["callId"], AgentLost(1, "A test takes it for lost.", host="gone"))

        async def fail(*_: object) -> None:
            raise LiveKitUnreachable("LiveKit is gone.")

        with monkeypatch.context() as patched:
            patched.setattr(dispatching, "_remove", fail)
            with pytest.raises(LiveKitUnreachable):
                await calls.send(request)
        second = (await caller.hears(COMEBACK)).identity
        assert second not in {first, GHOST, INTERPRETER}
        sent = await calls.send(request)
        assert (sent.attempt, sent.state) == (2, CallState.GOING)

        async def alone() -> bool:
            return {each.identity for each in caller.agents} == {second, INTERPRETER}

        await eventually(alone, "the second agent, and the one of others")
        call = await settled(platform, token["callId"])
        assert (call["recoveries"], call["status"]) == (1, "active")
    for room in (ghost, interpreter):
        await room.disconnect()
    await platform.stop(agent["id"])


async def test_an_agent_that_came_while_another_one_was_to_be_sent_stays(
    platform: Platform, calls: CallActivities
) -> None:
    """The room was looked into and had none; then there was a pause."""
    agent = await platform.deployed("just-came")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"], quiet=True) as caller:
        await caller.hears(GREETING)
        first = (await caller.agent()).identity
        await settled(platform, token["callId"])
        sent = await calls.send(SendAgent(token["callId"], AgentLost(1, "No agent came within 2 s.")))
        assert (sent.attempt, sent.state) == (1, CallState.GOING)
        assert (await settled(platform, token["callId"]))["recoveries"] == 0
        assert [each.identity for each in caller.agents] == [first]
    await platform.stop(agent["id"])


async def test_another_host_is_one_that_carries_the_agent(
    platform: Platform, calls: CallActivities, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, avoided = await own_host(platform), []

    async def note(*about: Any) -> None:
        avoided.append(about[3].avoid)

    monkeypatch.setattr(dispatching, "send", note)

    async def send(attempt: int, *, elsewhere: bool) -> None:
        lost = AgentLost(attempt, "A test takes it for lost.", host=first)
        await calls.send(SendAgent(token["callId"], lost, elsewhere))

    async with another_host(platform, OTHER):
        await order(platform, OTHER, "cordon")
        agent = await platform.deployed("elsewhere", drainSeconds=120)
        token = await platform.token(agent["slug"])
        async with calling(token["url"], token["token"], quiet=True) as caller:
            await caller.hears(GREETING)
            await settled(platform, token["callId"])
            await send(1, elsewhere=True)
            assert avoided == [None], "nobody else could take it"
            await order(platform, OTHER, "uncordon")
            await order(platform, first, "cordon")
            path = f"/api/agents/{agent['id']}/deploy"
            await platform.call("POST", path, {"replicas": 2}, expect=202)

            async def both() -> bool:
                return sorted(map(str, await carriers(platform, agent["id"]))) == sorted([first, OTHER])

            await eventually(both, "the agent on both hosts")
            await order(platform, first, "uncordon")
            # The first agent is in the room still: nobody else sends one.
            await send(2, elsewhere=True)
            await send(3, elsewhere=False)
            assert avoided == [None, first, None]
        await platform.stop(agent["id"])
