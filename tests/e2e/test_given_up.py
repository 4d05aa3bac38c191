"""A caller to whom no agent can be sent is told so on the page, and has one as soon as there is one."""

from __future__ import annotations

import signal

import pytest
from playwright.async_api import expect

from common.causes import Cause
from tests.e2e.talking import end_call, start_call, turns
from tests.support.browser import visiting
from tests.support.jobs import call_processes
from tests.support.platform import Platform
from tests.support.recoveries import COMEBACK, call_of, settled
from workflows.policy import CALL_TRIES

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

TOLD_MS = 90_000
"""A host is missed, five agents are sent with growing pauses, and each has a while to appear."""


async def test_a_caller_is_told_that_no_agent_comes_and_gets_one_when_a_host_is_back(
    platform: Platform,
) -> None:
    agent = await platform.deployed("nobody-comes")
    async with visiting(platform.stack) as visitor:
        page = visitor.page
        await start_call(page, agent["slug"])
        await expect(turns(page, "agent", "Hello, how can I help?").first).to_be_visible()
        call_id = (await platform.call("GET", f"/api/calls?agent={agent['id']}"))["items"][0]["id"]
        (process,) = call_processes(platform.stack)
        platform.stack.kill("runtime", signal.SIGSTOP)
        try:
            process.kill()
            await expect(page.get_by_text("No agent can be reached")).to_be_visible(timeout=TOLD_MS)
            call = await call_of(platform, call_id)
            (told,) = [event["data"] for event in call["events"] if event["event"] == "no_agent"]
            assert (told["tries"], told["cause"]) == (CALL_TRIES, Cause.NO_HOST)
        finally:
            platform.stack.kill("runtime", signal.SIGCONT)
        await expect(turns(page, "agent", COMEBACK).first).to_be_visible(timeout=TOLD_MS)
        await expect(page.get_by_text("No agent can be reached")).not_to_be_visible()
        assert (await settled(platform, call_id))["status"] == "active"
        await end_call(page)
    await platform.reaches(agent["id"], "running", seconds=60)
    await platform.stop(agent["id"])
