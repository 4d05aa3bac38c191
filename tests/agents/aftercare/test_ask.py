"""Asking models: what they answer wrongly, too long or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from livekit.agents.llm import ChatContext

from agents.aftercare.ask import MAX_TALK, Analyst, Unanswered, analyst, talk_of
from agents.aftercare.judges import judged
from agents.aftercare_config import JUDGES, JudgeConfig
from agents.config import parse_config
from tests.support.openai import OpenAIServer, openai_server
from tests.support.platform import offline_config

pytestmark = pytest.mark.unit

KEY = "sk-a-key-that-nobody-may-read"
SCHEMA = {
    "type": "object",
    "properties": {"topic": {"type": "string"}},
    "required": ["topic"],
    "additionalProperties": False,
}


@asynccontextmanager
async def asking() -> AsyncIterator[tuple[OpenAIServer, Analyst]]:
    """A model, and who asks it."""
    async with openai_server() as server:
        options = {"baseUrl": server.url, "apiKey": KEY}
        config = parse_config(offline_config(analysis={"llm": {"provider": "openai", "options": options}}))
        async with analyst(config, {"/analysis/llm/options/apiKey": KEY}) as asked:
            yield server, asked


async def test_an_answer_that_is_wrong_is_sent_back_once() -> None:
    answers = [{"topic": 5}, {"topic": "orders"}]
    async with asking() as (server, asked):
        server.tool = lambda _: answers.pop(0)
        assert await asked.object("Look.", "caller: hello", SCHEMA) == {"topic": "orders"}
        assert "That is not valid: /topic: 5 is not of type" in str(server.asked[1]["messages"])
        server.tool = lambda _: {}
        with pytest.raises(Unanswered, match="does not follow the schema"):
            await asked.object("Look.", "caller: hello", SCHEMA)
        assert len(server.asked) == 4


async def test_a_model_that_knows_no_tools_may_write_the_object() -> None:
    async with asking() as (server, asked):
        server.words = ("Here it is: ", '{"topic": ', '"orders"}. ', "Anything else?")
        assert await asked.object("Look.", "caller: hello", SCHEMA) == {"topic": "orders"}


async def test_an_error_is_told_without_secrets() -> None:
    async with asking() as (server, asked):
        server.refusal = "Incorrect API key provided: {key}"
        with pytest.raises(Unanswered) as caught:
            await asked.text("Sum up.", "caller: hello")
    assert "Incorrect API key" in caught.value.message
    assert KEY not in caught.value.message


async def test_every_judge_judges_and_one_that_fails_is_named() -> None:
    def tool(asked: dict[str, Any]) -> dict[str, Any]:
        text = str(asked["messages"])
        if "rude" in text:
            return {"verdict": "perhaps", "reasoning": "?"}
        return {"verdict": "fail" if "polite" in text else "pass", "reasoning": "So it seems."}

    conversation = ChatContext()
    conversation.add_message(role="user", content="where is my order")
    conversation.add_message(role="assistant", content="It ships today.")
    judges = [JudgeConfig(name=name) for name in JUDGES]
    judges += [
        JudgeConfig(name="manners", criteria="Is it polite?"),
        JudgeConfig(name="broken", criteria="rude"),
    ]
    async with asking() as (server, asked):
        server.tool = tool
        found = await judged(judges, conversation, "Help callers find orders.", asked)
        assert any("Help callers find orders." in str(each["messages"]) for each in server.asked)
    told = {each["name"]: each["verdict"] for each in found["judges"]}
    assert told == dict.fromkeys(JUDGES, "pass") | {"manners": "fail"}
    assert found["score"] == pytest.approx(len(JUDGES) / (len(JUDGES) + 1))
    assert list(found["failed"]) == ["broken"]


def test_of_a_conversation_that_is_too_long_the_middle_is_left_out() -> None:
    conversation = ChatContext()
    for number in range(2000):
        conversation.add_message(role="user", content=f"{number} " + "word " * 20)
    talk = talk_of(conversation)
    assert len(talk) < MAX_TALK + 100
    assert "caller: 0 " in talk
    assert "1999 " in talk
    assert "the middle is left out" in talk
