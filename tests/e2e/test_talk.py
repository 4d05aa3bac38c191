"""The product, end to end: somebody opens the console, calls an agent, asks aloud and hears the answer."""

from __future__ import annotations

import re

import jwt
import pytest
from livekit import api
from playwright.async_api import Page, expect

from stack import Stack
from stack.demo import ANSWERS, SLUG, ensure_demo_agent
from tests.e2e.talking import audio_goes_on, end_call, loudness, start_call, turns
from tests.support.browser import visiting
from tests.support.platform import ANSWER, ORDER, Json, Platform
from tests.support.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

STAGE = re.compile(r"E2E [\d,]+ ms.*STT [\d,]+ ms.*LLM [\d,]+ ms.*TTS [\d,]+ ms")


async def test_a_spoken_question_is_answered_aloud(platform: Platform) -> None:
    agent = await platform.deployed("talk")
    slug = agent["slug"]
    async with visiting(platform.stack, says=[ORDER]) as visitor:
        page = visitor.page
        await expect(page.get_by_test_id(f"agent-row-{slug}")).to_be_visible()
        await expect(page.get_by_test_id(f"status-{slug}")).to_have_text("running")
        await start_call(page, slug)
        await expect(turns(page, "agent", "Hello, how can I help?")).to_be_visible()
        await audio_goes_on(page)

        await expect(turns(page, "user", ORDER).first).to_be_visible()
        assert await loudness(page) >= 0.02
        answer = turns(page, "agent", ANSWER).first
        await expect(answer).to_be_visible()
        await audio_goes_on(page)
        await expect(answer.get_by_test_id("latency")).to_have_text(STAGE)

        await end_call(page)
        shown = await _shown(page)
        assert visitor.errors == []

    call = await _ended_call(platform, agent["id"])
    said = [(turn["role"], turn["text"]) for turn in call["turns"]]
    asked = said.index(("user", ORDER))
    assert said[asked + 1] == ("agent", ANSWER)
    assert said[0] == ("agent", "Hello, how can I help?")
    assert said == shown
    assert call["startedAt"] < call["endedAt"]
    await platform.stop(agent["id"])


async def test_the_demo_agent_answers_a_spoken_phrase(stack: Stack, platform: Platform) -> None:
    assert await ensure_demo_agent(stack) == "running"
    async with visiting(stack, says=["where is my order"]) as visitor:
        page = visitor.page
        await expect(page.get_by_test_id(f"status-{SLUG}")).to_have_text("running")
        await start_call(page, SLUG)
        await expect(turns(page, "user", "where is my order").first).to_be_visible()
        assert await loudness(page) >= 0.02
        await expect(turns(page, "agent", ANSWERS["where is my order"]).first).to_be_visible()
        await end_call(page)
        assert visitor.errors == []


async def test_a_caller_can_show_the_camera(platform: Platform) -> None:
    agent = await platform.deployed("talk-video", video=True)
    async with visiting(platform.stack) as visitor:
        page = visitor.page
        await start_call(page, agent["slug"])
        await expect(page.get_by_test_id("local-video")).to_have_count(0)
        await page.get_by_test_id("camera").click()
        await expect(page.get_by_test_id("local-video")).to_be_visible()
        shown = "() => document.querySelector('[data-testid=local-video]').videoWidth > 0"
        await page.wait_for_function(shown)  # a function: the page forbids to evaluate text

        async def caller() -> Json | None:
            rooms = (await platform.call("GET", f"/api/livekit/rooms?agent={agent['slug']}"))["items"]
            people = [person for room in rooms for person in room["participants"]]
            return next((p for p in people if p["name"] == "Console" and len(p["tracks"]) == 2), None)

        person = await eventually(caller, "the caller with microphone and camera")
        assert {track.source for track in await _tracks(platform.stack, person["identity"])} == {
            api.TrackSource.MICROPHONE,
            api.TrackSource.CAMERA,
        }

        await page.get_by_test_id("camera").click()
        await expect(page.get_by_test_id("local-video")).to_have_count(0)
        await end_call(page)
        assert visitor.errors == []
    await platform.stop(agent["id"])


async def test_without_video_there_is_no_camera(platform: Platform) -> None:
    agent = await platform.deployed("talk-audio")
    token = await platform.token(agent["slug"])
    claims = jwt.decode(token["token"], platform.stack.livekit_api_secret, algorithms=["HS256"])
    assert claims["video"]["canPublishSources"] == ["microphone"]
    async with visiting(platform.stack) as visitor:
        page = visitor.page
        await start_call(page, agent["slug"])
        await expect(page.get_by_test_id("mute")).to_be_enabled()
        await expect(page.get_by_test_id("camera")).to_have_count(0)
        await end_call(page)
        assert visitor.errors == []
    await platform.stop(agent["id"])


async def _shown(page: Page) -> list[tuple[str, str]]:
    """The conversation on the page: who, and what."""
    both = page.locator("[data-testid=turn-user], [data-testid=turn-agent]")
    found = await both.evaluate_all(
        "turns => turns.map(t => [t.dataset.testid.slice(5), t.querySelector('.turn-text').textContent])"
    )
    return [(role, text) for role, text in found]


async def _ended_call(platform: Platform, agent_id: str) -> Json:
    """The agent's only call, once it is over."""

    async def look() -> Json | None:
        calls = (await platform.call("GET", f"/api/calls?agent={agent_id}"))["items"]
        assert len(calls) == 1
        call: Json = await platform.call("GET", f"/api/calls/{calls[0]['id']}")
        return call if call["status"] == "ended" else None

    return await eventually(look, "the call to end", seconds=30)


async def _tracks(stack: Stack, identity: str) -> list[api.TrackInfo]:
    """What somebody publishes, as LiveKit itself says."""
    async with api.LiveKitAPI(stack.livekit_url, stack.livekit_api_key, stack.livekit_api_secret) as livekit:
        rooms = (await livekit.room.list_rooms(api.ListRoomsRequest())).rooms
        for room in rooms:
            people = await livekit.room.list_participants(api.ListParticipantsRequest(room=room.name))
            for person in people.participants:
                if person.identity == identity:
                    return list(person.tracks)
    return []
