"""What happens is told: to a receiver of webhooks, and to whoever follows the stream."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.caller import Caller, calling
from tests.support.jobs import call_processes
from tests.support.platform import Json, Platform
from tests.support.receiver import Receiver, receiving
from tests.support.sse import Sent, following
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

STORY = ["call.started", "call.recovered", "call.ended", "call.analyzed"]


async def _received(receiver: Receiver, wanted: list[str], **about: str) -> list[str]:
    async def look() -> list[str] | None:
        kinds = receiver.kinds(**about)
        return kinds if wanted[-1] in kinds else None

    return await eventually(look, f"{wanted[-1]} received", seconds=60)


async def _replaced(caller: Caller, first: str) -> None:
    async def look() -> bool:
        return any(agent.identity != first for agent in caller.agents)

    await eventually(look, "another agent in the room", seconds=10)


async def test_the_story_of_an_agent_and_a_call_is_told(platform: Platform) -> None:
    async with receiving() as receiver, following(platform.http) as stream:
        body = {"url": f"{receiver.url}/hook", "kinds": ["call.*", "deployment.*"]}
        hook: Json = await platform.call("POST", "/api/webhooks", body, expect=201)
        # What is done after a call is told as well: here its recordings are put away.
        agent = await platform.deployed("told", recording={"enabled": True})
        token = await platform.token(agent["slug"])
        async with calling(token["url"], token["token"]) as caller:
            await caller.hears("Hello, how can I help?")
            first = (await caller.agent()).identity
            (process,) = call_processes(platform.stack)
            process.kill()
            await _replaced(caller, first)
            await caller.hears("Sorry, I was gone for a moment.")
        assert await _received(receiver, STORY, callId=token["callId"]) == STORY
        await platform.stop(agent["id"])
        deployed = await _received(receiver, ["deployment.stopped"], agentId=agent["id"])
        statuses = [each for each in deployed if each.startswith("deployment.")]
        assert [each for each in statuses if each != "deployment.draining"] == [
            f"deployment.{status}" for status in ("validating", "starting", "running", "stopped")
        ]
        by_stream = await _streamed(stream, len(STORY) + len(statuses), agent["id"])

        events = {each.id: each.verified(hook["signingSecret"]) for each in receiver.requests}
        about = {uid: event for uid, event in events.items() if event["data"]["agentId"] == agent["id"]}
        assert by_stream == about, "both tell the same"
        ended = next(each["data"] for each in about.values() if each["type"] == "call.ended")
        assert (ended["status"], ended["recoveries"], ended["agentSlug"]) == ("ended", 1, agent["slug"])
        assert ended["durationSeconds"] > 0
        recovered = next(each["data"] for each in about.values() if each["type"] == "call.recovered")
        assert (recovered["attempt"], recovered["reason"]) == (2, "The agent's process crashed.")
        await _is_logged(platform, hook, events)
        await platform.call("DELETE", f"/api/webhooks/{hook['id']}", expect=204)


async def _streamed(stream: Any, count: int, agent_id: str) -> dict[str, Json]:
    found: list[Sent] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            event: Sent = await anext(stream)
            if event.data["data"].get("agentId") == agent_id:
                found.append(event)
    return {each.data["id"]: each.data for each in found}


async def _is_logged(platform: Platform, hook: Json, events: dict[str, Json]) -> None:
    page = await platform.call("GET", f"/api/webhooks/{hook['id']}/deliveries?state=delivered&limit=200")
    delivered = {each["event"]["id"]: each for each in page["items"]}
    assert events.keys() <= delivered.keys()
    assert all(each["log"][-1]["status"] == 200 for each in delivered.values())


async def test_a_webhook_is_tried_out(platform: Platform) -> None:
    async with receiving() as receiver:
        hook: Json = await platform.call("POST", "/api/webhooks", {"url": receiver.url}, expect=201)
        sent: Json = await platform.call("POST", f"/api/webhooks/{hook['id']}/test", {}, expect=202)

        async def delivered() -> bool:
            found = await platform.call("GET", f"/api/deliveries/{sent['id']}")
            return bool(found["state"] == "delivered")

        await eventually(delivered, "the test delivered")
        (test,) = [each for each in receiver.requests if each.event["type"] == "webhook.test"]
        assert test.verified(hook["signingSecret"])["data"]["webhookId"] == hook["id"]
        await platform.call("DELETE", f"/api/webhooks/{hook['id']}", expect=204)
