"""What the product is for: the process that speaks is killed amid a sentence, and the talk goes on."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.e2e.talking import audio_goes_on, end_call, loudness, start_call, turns
from tests.support.browser import visiting
from tests.support.jobs import call_processes
from tests.support.platform import ORDER, Platform
from tests.support.recoveries import COMEBACK, call_of, settled

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

ANSWER = (
    "Your order left our house this morning, and it travels by train to the town where you live, "
    "so that you will hold it in your hands before the evening of the next day."
)


async def test_kill_9_amid_a_sentence_of_a_browser_call_ends_with_the_same_conversation_going_on(
    platform: Platform,
) -> None:
    llm = {"provider": "scripted", "options": {"rules": [{"when": ORDER, "say": ANSWER}]}}
    agent = await platform.deployed("survivor", llm=llm)
    async with visiting(platform.stack, says=[ORDER]) as visitor:
        page = visitor.page
        await start_call(page, agent["slug"])
        await expect(turns(page, "user", ORDER).first).to_be_visible()
        state = page.get_by_test_id("call-state")
        await expect(state).to_have_attribute("data-state", "speaking")
        amid = page.locator("[data-testid=turn-agent][data-final=false]").filter(has_text="left our house")
        await expect(amid).to_be_visible()

        (process,) = call_processes(platform.stack)
        process.kill()
        await expect(turns(page, "agent", COMEBACK)).to_be_visible(timeout=10_000)
        await audio_goes_on(page)
        assert await loudness(page) >= 0.02
        await expect(turns(page, "agent", "of the next day.").first).to_be_visible(timeout=30_000)
        assert await page.get_by_test_id("turn-agent").filter(has_text="Hello, how can I help?").count() == 1

        call_id = (await platform.call("GET", f"/api/calls?agent={agent['id']}"))["items"][0]["id"]
        call = await settled(platform, call_id)
        assert call["recoveries"] == 1
        await end_call(page)
        assert visitor.errors == []
    said = [(turn["role"], turn["text"]) for turn in (await call_of(platform, call_id))["turns"]]
    cut = next(text for role, text in said if role == "agent" and "left our house" in text)
    assert ANSWER.startswith(cut.strip())
    assert said.index(("agent", cut)) < said.index(("agent", COMEBACK)) < said.index(("agent", ANSWER))
    await platform.stop(agent["id"])
