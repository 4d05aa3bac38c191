"""The pictures of the README, from a real stack with a real conversation: `python -m tests.e2e.screenshots`.

The stack is one of its own; `BIONIC_API_PORT` and the like move it beside one that runs already.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import httpx
from playwright.async_api import Page, expect

from stack import Ports, Stack, StackConfig
from stack.config import PROJECT
from stack.demo import ANSWERS, SLUG, ensure_demo_agent
from tests.e2e.talking import end_call, start_call, turns
from tests.support.browser import visiting
from tests.support.platform import Json, Platform, offline_config

IMAGES = PROJECT / "docs" / "images"
DESK = {"width": 1440, "height": 900}
QUESTIONS = ("where is my order", "what can you do", "talk to a human")
TRIES = 4
MAX_BYTES = 300_000


async def main() -> None:
    """Make them all."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        config = StackConfig(state_dir=Path(folder), ports=Ports.from_environment(os.environ))
        async with Stack(config) as stack:
            await stack.wait_healthy(60)
            headers = {"Authorization": f"Bearer {stack.api_key}"}
            async with httpx.AsyncClient(base_url=stack.api_url, headers=headers, timeout=20) as http:
                await _take(stack, Platform(stack, http))


async def _take(stack: Stack, platform: Platform) -> None:
    await _people_the_list(platform)
    await ensure_demo_agent(stack)
    for _ in range(TRIES):
        async with visiting(stack, says=QUESTIONS, viewport=DESK, color_scheme="light") as visitor:
            await start_call(visitor.page, SLUG)
            heard_all = await _converse(visitor.page)
            if heard_all:
                await _pictures(visitor.page)
            await end_call(visitor.page)
            assert visitor.errors == []
        if heard_all:
            return
    raise SystemExit(f"The agent did not understand all of {QUESTIONS} in any of {TRIES} calls.")


async def _converse(page: Page) -> bool:
    """Ask everything once; False when a question was not understood."""
    for question in QUESTIONS:
        answer = turns(page, "agent", ANSWERS[question]).first
        try:
            await expect(answer).to_be_visible()
        except AssertionError:
            return False
        await expect(answer.get_by_test_id("latency")).to_contain_text("E2E")
    await expect(page.get_by_test_id("call-state")).to_have_attribute("data-state", "listening")
    return await turns(page, "user", "").count() == len(QUESTIONS)


async def _pictures(page: Page) -> None:
    await _picture(page, "talk")
    await page.emulate_media(color_scheme="dark")
    await _picture(page, "talk-dark")
    beside = await page.context.new_page()
    await beside.goto("/")
    await expect(beside.get_by_test_id(f"agent-row-{SLUG}")).to_be_visible()
    await _picture(beside, "agents")
    await beside.close()


async def _people_the_list(platform: Platform) -> None:
    """Agents in the states that a day brings."""
    stack = platform.stack
    wrong = {"url": stack.livekit_url, "apiKey": stack.livekit_api_key, "apiSecret": "x" * 40}
    await _agent(platform, "Clinic intake")
    stopped = await _agent(platform, "Night line", replicas=1)
    await platform.stop(stopped["id"])
    failed = await _agent(platform, "Warehouse", livekitConfig=wrong)
    await platform.call("POST", f"/api/agents/{failed['id']}/deploy", {}, expect=202)
    await platform.reaches(failed["id"], "failed")
    await _agent(platform, "Returns desk", replicas=1)
    await _agent(platform, "Reception", replicas=3)


async def _agent(platform: Platform, name: str, replicas: int = 0, **changes: object) -> Json:
    body = {"name": name, "config": offline_config(**changes)}
    agent: Json = await platform.call("POST", "/api/agents", body, expect=201)
    if replicas:
        await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {"replicas": replicas}, expect=202)
        await platform.reaches(agent["id"], "running")
    return agent


async def _picture(page: Page, name: str) -> None:
    path = IMAGES / f"{name}.png"
    await page.screenshot(path=path, animations="disabled")
    assert path.stat().st_size < MAX_BYTES, f"{name}.png has {path.stat().st_size} bytes"


if __name__ == "__main__":
    asyncio.run(main())
