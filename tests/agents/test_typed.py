"""What is typed through the API is heard, and from nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from livekit import rtc
from livekit.agents import AgentSession, JobContext

from agents.typed import Typed
from common.livekit import TYPED_TOPIC

pytestmark = pytest.mark.unit


class Job:
    """Stands in for a job: a room that tells of packets, and an end."""

    def __init__(self) -> None:
        self.room = rtc.EventEmitter[str]()
        self.at_end: list[Callable[[], Awaitable[None]]] = []

    def add_shutdown_callback(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Remember it."""
        self.at_end.append(callback)

    def packet(self, text: bytes, topic: str = TYPED_TOPIC, participant: Any = None) -> None:
        """Somebody sends something."""
        kind = rtc.DataPacketKind.KIND_RELIABLE
        self.room.emit("data_received", rtc.DataPacket(text, kind, participant, topic))


class Session:
    """Stands in for a session: what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.heard = asyncio.Event()

    async def interrupt(self) -> None:
        """Whatever was being said."""
        self.asked.append("interrupt")

    def generate_reply(self, *, user_input: str) -> None:
        """An answer; not to what makes it fail."""
        self.asked.append(user_input)
        if user_input == "last":
            self.heard.set()
        if user_input == "fail":
            raise RuntimeError("AgentSession is closing")


async def test_what_is_typed_is_heard_in_order_and_from_the_server_alone() -> None:
    job, session = Job(), Session()
    typed = Typed(cast("JobContext", job))
    job.packet(b"early")  # before the session has begun
    job.packet(b"forged", participant=object())
    job.packet(b"other", topic="lk.chat")
    typed.answer_in(cast("AgentSession[Any]", session))
    job.packet(b"fail")
    job.packet("Wo ist\0 meine Größe?".encode())
    job.packet(b"\xff")
    job.packet(b"last")
    await asyncio.wait_for(session.heard.wait(), 5)
    said = [each for each in session.asked if each != "interrupt"]
    assert said == ["early", "fail", "Wo ist meine Größe?", "\ufffd", "last"]
    assert session.asked.count("interrupt") == len(said)
    for callback in job.at_end:
        await callback()
