"""What an agent does first that takes up a conversation: it answers what is unanswered, once."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents.llm import ChatItem, ChatMessage

from agents.call import speak_first
from agents.config import AgentConfig
from agents.record.continuing import Conversation
from db.repositories.transcripts import CUT

GREETING, COMEBACK, NOTICE = (
    "Welcome to the shop.",
    "Sorry, I was gone for a moment.",
    "This call is recorded.",
)
QUESTION, ANSWER = "Where is my order?", "It ships today."
REPLY = "(an answer by the model)"


class Spoken:
    """A session that only notes what it was told to say."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def say(self, text: str, **_: Any) -> None:
        self.words.append(text)

    def generate_reply(self) -> None:
        self.words.append(REPLY)


def user(text: str) -> ChatMessage:
    return ChatMessage(role="user", content=[text])


def agent(text: str) -> ChatMessage:
    return ChatMessage(role="assistant", content=[text])


def cut(text: str) -> ChatMessage:
    return ChatMessage(id=f"{CUT}1-assistant", role="assistant", content=[text], interrupted=True)


ANSWERED = [agent(GREETING), user(QUESTION), agent(ANSWER)]
CASES: dict[str, tuple[list[ChatMessage], list[str]]] = {
    "nothing was said": ([], [GREETING]),
    "amid the greeting": ([cut("Welcome to")], [COMEBACK, GREETING]),
    "at the last word of the greeting": ([cut(GREETING)], [COMEBACK]),
    "after the greeting": ([agent(GREETING)], [COMEBACK]),
    "amid the question": ([agent(GREETING), user("Where is")], [COMEBACK, REPLY]),
    "before the answer": ([agent(GREETING), user(QUESTION)], [COMEBACK, REPLY]),
    "amid the answer": ([agent(GREETING), user(QUESTION), cut("It ships")], [COMEBACK, REPLY]),
    "after the answer": (ANSWERED, [COMEBACK]),
    "amid an excuse, nothing open": ([*ANSWERED, cut("Sorry, I was")], [COMEBACK]),
    "after an excuse, nothing open": ([*ANSWERED, agent(COMEBACK)], [COMEBACK]),
    "amid an excuse, before the answer": ([user(QUESTION), cut("Sorry, I")], [COMEBACK, REPLY]),
    "after an excuse, before the answer": ([user(QUESTION), agent(COMEBACK)], [COMEBACK, REPLY]),
    "after an excuse, amid the greeting": ([cut("Welcome to"), agent(COMEBACK)], [COMEBACK, GREETING]),
    "after two excuses": ([*ANSWERED, cut("Sorry,"), agent(COMEBACK)], [COMEBACK]),
}


@pytest.mark.parametrize("case", CASES)
def test_the_next_agent_says_what_is_missing_and_nothing_twice(case: str) -> None:
    before, expected = CASES[case]
    assert _first_words(before, _config()) == expected


def test_one_whose_conversation_needs_no_excuse_only_goes_on() -> None:
    assert _first_words(ANSWERED, _config(comeback=None)) == []
    assert _first_words(ANSWERED[:2], _config(comeback=None)) == [REPLY]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ([cut("This call")], [NOTICE, COMEBACK, GREETING]),
        ([agent(NOTICE)], [COMEBACK, GREETING]),
        ([agent(NOTICE), cut("Welcome")], [COMEBACK, GREETING]),
        ([agent(NOTICE), agent(GREETING)], [COMEBACK]),
        ([agent(NOTICE), *ANSWERED], [COMEBACK]),
    ],
)
def test_whoever_was_told_of_the_recording_is_still_greeted(
    before: list[ChatMessage], expected: list[str]
) -> None:
    assert _first_words(before, _config(recording={"enabled": True, "consent": NOTICE})) == expected


def _config(**more: Any) -> AgentConfig:
    return AgentConfig(instructions="Help.", greeting=GREETING, **({"comeback": COMEBACK} | more))


def _first_words(before: list[ChatMessage], config: AgentConfig) -> list[str]:
    items: list[ChatItem] = list(before)
    session: Any = Spoken()
    speak_first(config, Conversation(items, config.asides), session)
    words: list[str] = session.words
    return words
