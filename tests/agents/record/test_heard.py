"""What an agent says is in the record once, in whatever order livekit-agents tells of it."""

from __future__ import annotations

from typing import Any
from unittest.mock import create_autospec
from uuid import uuid4

import pytest
from livekit.agents import ConversationItemAddedEvent
from livekit.agents.llm import ChatMessage
from livekit.rtc import EventEmitter

from agents.record.heard import Listener, SpokenText
from agents.record.recorder import CallRecorder
from common.discretion import Discretion

pytestmark = pytest.mark.unit

GREETING = "Hello, how can I help?"


class Said:
    """An agent's session, and what the recorder was told of it."""

    def __init__(self) -> None:
        self.recorder = create_autospec(CallRecorder, instance=True)
        self.spoken = SpokenText(self.recorder)
        session: Any = EventEmitter[str]()
        Listener(self.recorder, self.spoken, Discretion()).listen(session)
        self._session = session

    async def words(self, text: str) -> None:
        """Words that are heard, one after the other."""
        for word in text.split():
            await self.spoken.capture_text(f"{word} ")

    def turn(self, text: str) -> None:
        """An utterance is over and in the conversation."""
        item = ChatMessage(id=uuid4().hex, role="assistant", content=[text])
        self._session.emit("conversation_item_added", ConversationItemAddedEvent(item=item))

    @property
    def told(self) -> list[str]:
        """Drafts by their last word, and turns as a whole, in order."""
        calls = [(name, args) for name, args, _ in self.recorder.method_calls]
        return [args[1].split()[-1] if name == "draft" else f"[{args[0].text}]" for name, args in calls]


async def test_words_that_come_after_their_turn_are_not_said_again() -> None:
    said = Said()
    await said.words("Hello, how")
    said.turn(GREETING)
    await said.words("can I help?")
    said.spoken.flush()
    assert said.told == ["Hello,", "how", f"[{GREETING}]"]
    await said.words("Hello, how")
    assert said.told[3:] == ["Hello,", "how"], "the same again is said again"


async def test_all_words_of_a_turn_may_be_late() -> None:
    said = Said()
    said.turn("Yes.")
    await said.words("Yes.")
    said.spoken.flush()
    assert said.told == ["[Yes.]"]


async def test_what_is_said_next_is_told_from_its_first_word() -> None:
    said = Said()
    for _ in range(2):
        await said.words(GREETING)
        said.spoken.flush()
        said.turn(GREETING)
    assert said.told == [*GREETING.split(), f"[{GREETING}]"] * 2


async def test_a_turn_that_is_not_as_it_was_spoken_keeps_nothing_else_back() -> None:
    said = Said()
    await said.words("five euros")
    said.spoken.flush()
    said.turn("*five* euros")
    await said.words("*five* euros")
    assert said.told == ["five", "euros", "[*five* euros]", "*five*", "euros"]


async def test_of_an_utterance_in_parts_the_last_one_may_be_late() -> None:
    said = Said()
    await said.words("Let me see.")
    said.spoken.flush()
    said.turn("Let me see. It ships today.")
    await said.words("It ships today.")
    said.spoken.flush()
    assert said.told == ["Let", "me", "see.", "[Let me see. It ships today.]"]
    await said.words("Let me")
    assert said.told[4:] == ["Let", "me"]


async def test_a_turn_that_was_interrupted_keeps_nothing_back() -> None:
    said = Said()
    await said.words("Sorry, I did")
    said.spoken.flush()
    said.turn("Sorry, I")
    await said.words("Sorry, I")
    assert said.told == ["Sorry,", "I", "did", "[Sorry, I]", "Sorry,", "I"]
