"""Callers who hear what the agent says, and answer it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livekit import rtc
from livekit.agents.types import ATTRIBUTE_AGENT_STATE, TOPIC_CHAT, TOPIC_TRANSCRIPTION

from benchmarks.bench import Agent, Bench
from benchmarks.callers import waiting_caller, widget_caller
from benchmarks.sample import STOCK_NAME
from stack.config import StackError

_PATIENCE = 20.0
"""Seconds for what an agent says, from when it should to its end."""


class Conversation:
    """The words of the agent as they come to its caller, and whether it waits for the caller's."""

    def __init__(self, room: rtc.Room) -> None:
        self.room = room
        self._heard: float | None = None
        """When the first piece of what the agent says came."""
        self._said, self._listens = asyncio.Event(), asyncio.Event()
        self._reading: set[asyncio.Task[None]] = set()
        room.on("participant_attributes_changed", self._on_attributes)
        room.register_text_stream_handler(TOPIC_TRANSCRIPTION, self._on_words)

    def _on_attributes(self, changed: dict[str, str], _: rtc.Participant) -> None:
        if ATTRIBUTE_AGENT_STATE in changed:
            listens = changed[ATTRIBUTE_AGENT_STATE] == "listening"
            (self._listens.set if listens else self._listens.clear)()

    def _on_words(self, reader: rtc.TextStreamReader, identity: str) -> None:
        if identity != self.room.local_participant.identity:
            task = asyncio.create_task(self._read(reader), name="what the agent says")
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)

    async def _read(self, reader: rtc.TextStreamReader) -> None:
        async for _ in reader:
            self._heard = self._heard or time.perf_counter()
        self._said.set()

    def expect(self) -> None:
        """The agent is about to say something: only what comes from now on counts."""
        self._heard = None
        self._said.clear()
        self._listens.clear()

    async def heard(self) -> float:
        """When the first piece of what the agent says came; returns once it is through and listens again."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._said.wait()
                await self._listens.wait()
        except TimeoutError:
            raise StackError(f"An agent that should have spoken did not within {_PATIENCE:.0f} s") from None
        assert self._heard is not None
        return self._heard

    async def ask(self, text: str) -> float:
        """Type `text`; seconds until the first piece of the answer came. Returns when it is through."""
        self.expect()
        began = time.perf_counter()
        await self.room.local_participant.send_text(text, topic=TOPIC_CHAT)
        return await self.heard() - began


@asynccontextmanager
async def with_ours(bench: Bench, agent: Agent) -> AsyncIterator[Conversation]:
    """A call in which our agent has greeted the caller."""
    async with widget_caller(bench, agent, listens=True) as caller:
        conversation = Conversation(caller.room)
        await conversation.heard()
        yield conversation


@asynccontextmanager
async def with_stock(bench: Bench) -> AsyncIterator[Conversation | None]:
    """The same with a stock worker; None when it answers no call."""
    async with waiting_caller(bench, listens=True) as caller:
        conversation = Conversation(caller.room)
        reached, _ = await caller.insists(STOCK_NAME)
        if reached:
            await conversation.heard()
        yield conversation if reached else None
