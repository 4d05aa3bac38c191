"""What the agents of a call did is handed on: the next one's model is told of tools and their results."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import make_url

from tests.support.caller import calling
from tests.support.handy import FOUND
from tests.support.hosts import another_host, order, own_host
from tests.support.jobs import jobs_of
from tests.support.openai import openai_server
from tests.support.outages import GREETING
from tests.support.platform import Platform
from tests.support.recoveries import COMEBACK, another_agent, call_of
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

TOOL, ARGUMENTS = "find_order", {"number": 5}
RESULT = FOUND.format(**ARGUMENTS)
QUESTION = "where is order five"
ANSWER = "Order five left yesterday, and whoever carries it looks for you at every door of the town."


@pytest.fixture
async def host(platform: Platform) -> AsyncIterator[int]:
    """The process of the host that takes agents: they have a tool there."""
    own = await own_host(platform)
    await order(platform, own, "cordon")
    command = [sys.executable, "-m", "tests.support.handy_host"]
    async with another_host(platform, "handy", command=command) as process:
        yield process.pid
    await order(platform, own, "uncordon")


def _wish(asked: dict[str, Any]) -> tuple[str, object] | None:
    """The model wants the tool first."""
    return (TOOL, ARGUMENTS) if asked["messages"][-1]["role"] == "user" else None


async def test_the_next_agent_knows_what_tools_were_called_and_what_came_of_it(
    platform: Platform, host: int
) -> None:
    async with openai_server() as openai:
        openai.wish, openai.answer = _wish, lambda _: re.findall(r"\S+\s*", ANSWER)
        model = {"provider": "openai", "options": {"baseUrl": openai.url, "apiKey": "sk-of-orders"}}
        agent = await platform.deployed("tools", llm=model)
        token = await platform.token(agent["slug"])
        async with calling(token["url"], token["token"], quiet=True) as caller:
            await caller.hears(GREETING)
            first = (await caller.agent()).identity
            await caller.types(QUESTION)

            async def speaking() -> bool:
                call = await call_of(platform, token["callId"])
                return any("whoever carries" in said["text"] for said in call["speaking"])

            await eventually(speaking, "the agent amid its answer", seconds=20)
            told = len(openai.asked)
            (process,) = jobs_of([host], {make_url(platform.stack.livekit_url).port or 0})
            process.kill()
            await another_agent(caller, first, seconds=3)
            await caller.hears(COMEBACK)

            async def asked_again() -> list[dict[str, Any]] | None:
                return openai.asked[told:] or None

            (asked,) = await eventually(asked_again, "the next agent's model asked", seconds=20)
            await caller.hears("at every door of the town.", seconds=20)
            call = await call_of(platform, token["callId"])
        await platform.stop(agent["id"])

    (noted,) = [each["data"] for each in call["events"] if each["event"] == "tool"]
    assert (noted["name"], json.loads(noted["arguments"])) == (TOOL, ARGUMENTS)
    assert (noted["output"], noted["isError"]) == (RESULT, False)
    _, greeting, question, wished, result, cut = asked["messages"][:6]
    assert [greeting["content"], question["content"]] == [GREETING, QUESTION]
    (tool,) = wished["tool_calls"]
    assert (tool["function"]["name"], json.loads(tool["function"]["arguments"])) == (TOOL, ARGUMENTS)
    assert (result["role"], result["tool_call_id"], result["content"]) == ("tool", tool["id"], RESULT)
    assert (cut["role"], ANSWER.startswith(cut["content"].strip())) == ("assistant", True)
