"""Answers by rule."""

from __future__ import annotations

import time

import pytest
from livekit.agents import llm

from agents.providers.scripted.llm import ScriptedLLM
from agents.providers.scripted.options import Rule, ScriptedLlmOptions
from agents.providers.scripted.rules import answer

pytestmark = pytest.mark.unit

OPTIONS = ScriptedLlmOptions(
    rules=[
        Rule(when="where is my order", say="It ships today."),
        Rule(when="call me *", say="Hello, turn {count}: {text}"),
        Rule(when="send * to *", say="Sent."),
        Rule(when="it's late", say="So it is."),
        Rule(when="?!", say="never"),
    ],
    otherwise="What is {text}?",
)


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("where is my order", "It ships today."),
        ("Hello! WHERE is... my order, please?", "It ships today."),
        ("where is my orders", "What is where is my orders?"),
        ("somewhere is my order", "What is somewhere is my order?"),
        ("where is my big order", "What is where is my big order?"),
        ("call me Al", "Hello, turn 3: call me Al"),
        ("call me", "Hello, turn 3: call me"),
        ("call me {count}", "Hello, turn 3: call me {count}"),
        ("send a card to Al", "Sent."),
        ("send to", "Sent."),
        ("sender, go to bed", "What is sender, go to bed?"),
        ("It\u2019s late", "So it is."),
        ("", "What is ?"),
    ],
)
def test_the_first_rule_that_matches_answers(heard: str, said: str) -> None:
    assert answer(OPTIONS, heard, 3) == said


def test_a_star_alone_answers_everything() -> None:
    assert answer(ScriptedLlmOptions(rules=[Rule(when="*", say="yes")]), "", 0) == "yes"


async def _chat(options: ScriptedLlmOptions, *turns: str) -> list[str]:
    context = llm.ChatContext.empty()
    for turn in turns:
        context.add_message(role="user", content=turn)
        context.add_message(role="assistant", content="ok")
    async with ScriptedLLM(options).chat(chat_ctx=context) as stream:
        return [chunk.delta.content or "" async for chunk in stream if chunk.delta]


async def test_answers_come_word_by_word() -> None:
    assert await _chat(OPTIONS, "hm", "call me Al") == ["Hello, ", "turn ", "2: ", "call ", "me ", "Al"]


async def test_silence_is_an_answer() -> None:
    assert "".join(await _chat(ScriptedLlmOptions(otherwise=""), "hm")) == ""


async def test_a_slower_model_can_be_played() -> None:
    started = time.perf_counter()
    await _chat(ScriptedLlmOptions(delay_ms=80), "hm")
    assert time.perf_counter() - started >= 0.08
