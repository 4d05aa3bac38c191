"""What is typed through the API is heard, from nobody else, and no more than is answered in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from livekit import rtc
from livekit.agents import AgentSession, JobContext

from agents.typed import LIMIT, Typed
from common.livekit import TYPED_METHOD

pytestmark = pytest.mark.unit

CALLER = "caller"


class Job:
    """Stands in for a job: a room with a caller whose participants have methods, and an end."""

    def __init__(self) -> None:
        self.room = self
        self.local_participant = self
        self.remote_participants = {CALLER: object()}
        self.methods: dict[str, Callable[[rtc.RpcInvocationData], Awaitable[str]]] = {}
        self.at_end: list[Callable[[], Awaitable[None]]] = []

    def register_rpc_method(
        self, name: str, method: Callable[[rtc.RpcInvocationData], Awaitable[str]]
    ) -> None:
        """Remember it."""
        self.methods[name] = method

    def add_shutdown_callback(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Remember it."""
        self.at_end.append(callback)

    async def types(self, text: str, who: str = "a request's id") -> None:
        """Somebody types something."""
        await self.methods[TYPED_METHOD](rtc.RpcInvocationData("1", who, text, 3.0))


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
    await job.types("early")  # before the session has begun
    with pytest.raises(rtc.RpcError, match="for the platform's API"):
        await job.types("forged", CALLER)
    typed.answer_in(cast("AgentSession[Any]", session))
    await job.types("fail")
    await job.types("Wo ist\0 meine Größe?")
    await job.types("last")
    await asyncio.wait_for(session.heard.wait(), 5)
    said = [each for each in session.asked if each != "interrupt"]
    assert said == ["early", "fail", "Wo ist meine Größe?", "last"]
    assert session.asked.count("interrupt") == len(said)
    for callback in job.at_end:
        await callback()


async def test_more_than_is_answered_in_time_is_refused() -> None:
    job = Job()
    Typed(cast("JobContext", job))
    for number in range(LIMIT):
        await job.types(str(number))
    with pytest.raises(rtc.RpcError, match="too many"):
        await job.types("one more")
