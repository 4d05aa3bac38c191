"""Callers who ask one thing after the other, each what nobody else asks, whatever becomes of their agents."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.support.caller import Caller, calling
from tests.support.outages import GREETING
from tests.support.platform import Json, Platform
from tests.support.recoveries import COMEBACK, call_of
from tests.support.waiting import eventually

REPEATS = {"provider": "scripted", "options": {"otherwise": "You said {text}, and that is noted."}}
"""A model whose answers tell what was asked."""

QUIET_SECONDS = 4.0
"""Who has heard no word for so long takes their question for lost, and asks another."""

THINKS_SECONDS = 12.0
"""Before a question, at most. Ten people who talk without a pause, or all at once, would be more than ten
calls."""

NOT_WRITTEN_YET = 1
"""A word goes to the caller and is written down at once: a kill may come in between."""

NOT_HEARD = 2
"""Words that were written down, and may have been on their way when their process was killed."""


def answer_to(question: str) -> str:
    """What such a model says."""
    return f"You said {question}, and that is noted."


def same(text: str) -> str:
    """A text by its words."""
    return " ".join(text.split())


@dataclass
class Asker:
    """A caller who talks to an agent with such a model, and knows what was said on both sides."""

    number: int
    token: Json
    caller: Caller
    asked: list[str] = field(default_factory=list)
    """In order; what was asked while nobody was there to hear it, too."""
    arrivals: list[float] = field(default_factory=list)
    """When each of its agents came, by `time.monotonic`."""
    alone: list[float] = field(default_factory=list)
    """For how many seconds no agent was in the room, each time."""
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it shall ask no more."""
    cut: set[int] = field(default_factory=set)
    """Utterances amid which it asked something."""

    @property
    def heard(self) -> list[str]:
        """What agents said, and were heard to say to the end, in order."""
        whole = {GREETING, COMEBACK, *map(answer_to, self.asked)}
        said = (same(heard.text) for heard in self.caller.heard if id(heard) not in self.cut)
        return [text for text in said if text in whole]

    @property
    def answered(self) -> list[str]:
        """The questions whose answers it has heard to the end, in order of asking."""
        heard = set(self.heard)
        return [question for question in self.asked if answer_to(question) in heard]

    async def watch(self) -> None:
        """See agents come and go, for ever."""
        since: float | None = None
        while True:
            now = time.monotonic()
            self.arrivals += [now] * (len(self.caller.met) - len(self.arrivals))
            if not self.caller.agents:
                since = since or now
            elif since is not None:
                self.alone.append(now - since)
                since = None
            await asyncio.sleep(0.02)

    async def talk(self) -> None:
        """Think, ask, hear the answer, think about it, ask the next, until it is enough."""
        draw = random.Random(self.number)
        while not self.enough.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.enough.wait(), draw.uniform(0, THINKS_SECONDS))
                return
            await self.ask()

    async def ask(self) -> bool:
        """Ask something new; whether it was answered."""
        question = f"caller {self.number} asks number {len(self.asked) + 1}"
        self.asked.append(question)
        over = {id(heard) for heard in self.caller.heard}
        self.cut |= {id(words) for words in self.caller.hearing.values()} - over
        await self.caller.types(question)
        said, since = self._words(), time.monotonic()
        while time.monotonic() - since < QUIET_SECONDS:
            if answer_to(question) in self.heard:
                return True
            if (now := self._words()) != said:
                said, since = now, time.monotonic()
            await asyncio.sleep(0.02)
        return False

    def _words(self) -> int:
        """How much was heard so far."""
        return sum(len(words.text) for words in self.caller.hearing.values())

    def missing(self, call: Json) -> list[str]:
        """What is not in the transcript of the call as this caller knows it, in words."""
        turns = [(turn["role"], same(turn["text"])) for turn in call["turns"]]
        asked = [text for role, text in turns if role == "user"]
        said = [text for role, text in turns if role == "agent"]
        return [*self._of_questions(asked), *self._of_utterances(said), *self._of_answers(turns)]

    def _of_questions(self, asked: list[str]) -> list[str]:
        lost = [each for each in self.answered if each not in asked]
        twice = [each for each in set(asked) if asked.count(each) > 1]
        strange = [each for each in asked if each not in self.asked]
        wrong = [f"{lost=}"] * bool(lost) + [f"{twice=}"] * bool(twice) + [f"{strange=}"] * bool(strange)
        in_order = asked == [each for each in self.asked if each in asked]
        return wrong if wrong or in_order else [f"questions out of order: {asked}"]

    def _of_utterances(self, said: list[str]) -> list[str]:
        """What was heard to the end is there as often as that, and never oftener than agents said it."""
        begun, wrong = [same(words.text) for words in self.caller.hearing.values()], []
        for text in {*self.heard}:
            least, most = self.heard.count(text), sum(_is_nearly(each, text) for each in begun)
            if not least <= said.count(text) <= most:
                wrong.append(f"{text!r} is there {said.count(text)} times: heard {least}, begun {most}")
        lost = {each: _lost_words(each, said) for each in begun}
        wrong += [f"of {each!r} is not there: {words}" for each, words in lost.items() if words]
        if not wrong and not _is_within(self.heard, said):
            wrong.append(f"utterances out of order: {said}, heard {self.heard}")
        return wrong

    def _of_answers(self, turns: list[tuple[str, str]]) -> list[str]:
        pairs = [(("user", each), ("agent", answer_to(each))) for each in self.answered]
        return [f"not followed by its answer: {pair[0][1]}" for pair in pairs if not _is_within(pair, turns)]


def _is_nearly(heard: str, text: str) -> bool:
    """Whether it is that, but for words at the end that may have got lost on the way with their agent."""
    words, wanted = heard.split(), text.split()
    return words == wanted[: len(words)] and len(words) >= len(wanted) - NOT_HEARD


def _lost_words(heard: str, said: Sequence[str]) -> list[str]:
    """The words of `heard` that are in no turn, the very last ones of it left out."""
    words = heard.split()
    kept = max(n for n in range(len(words) + 1) if not n or any(_begins(turn, words[:n]) for turn in said))
    return words[kept : max(kept, len(words) - NOT_WRITTEN_YET)]


def _begins(turn: str, words: list[str]) -> bool:
    return turn.split()[: len(words)] == words


def _is_within(part: Iterable[object], whole: Iterable[object]) -> bool:
    """Whether it is there in that order, whatever is in between."""
    rest = iter(whole)
    return all(each in rest for each in part)


@asynccontextmanager
async def asking(platform: Platform, agent: str, number: int) -> AsyncIterator[Asker]:
    """Somebody who was greeted, and that is written down: an agent that is lost now is followed by one that
    knows."""
    token = await platform.token(agent)
    async with calling(token["url"], token["token"], quiet=True) as caller:
        one = Asker(number, token, caller)
        caller.keep(one.watch())
        await caller.hears(GREETING, seconds=30)

        async def written() -> bool:
            turns = (await call_of(platform, token["callId"]))["turns"]
            return any(turn["text"] == GREETING and not turn["interrupted"] for turn in turns)

        await eventually(written, "the greeting in the record")
        yield one
