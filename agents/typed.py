"""What is typed for a caller through the platform's API: the agent hears it as if the caller had said it.

A caller's own page types in text streams (topic `lk.chat`), which livekit-agents hears by itself. LiveKit's
server API sends no streams. It sends data packets, and drops those for an agent that is in the room and whose
data channel is not open yet: so the API calls a method of the agent, which says that it has the text.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, JobContext

from agents.record.heard import storable
from common.livekit import TYPED_METHOD

logger = logging.getLogger(__name__)

LIMIT = 100
"""So many texts wait at most while one is being answered; more are refused."""


class Typed:
    """Takes messages from when the agent is in the room, and answers them one after the other."""

    def __init__(self, ctx: JobContext) -> None:
        self._ctx = ctx
        self._texts: asyncio.Queue[str] = asyncio.Queue(LIMIT)
        ctx.room.local_participant.register_rpc_method(TYPED_METHOD, self._take)

    async def _take(self, call: rtc.RpcInvocationData) -> str:
        # Only LiveKit's server API calls without being a participant: others have the method to themselves.
        if call.caller_identity in self._ctx.room.remote_participants:
            raise rtc.RpcError(rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD, "this is for the platform's API")
        try:
            self._texts.put_nowait(storable(call.payload))
        except asyncio.QueueFull:
            raise rtc.RpcError(rtc.RpcError.ErrorCode.APPLICATION_ERROR, "too many texts wait") from None
        return ""

    def answer_in(self, session: AgentSession[Any]) -> None:
        """Answer from now on, until the job ends."""
        task = asyncio.create_task(self._answer(session), name="typed messages")

        async def _cancel() -> None:
            task.cancel()

        self._ctx.add_shutdown_callback(_cancel)

    async def _answer(self, session: AgentSession[Any]) -> None:
        while True:
            text = await self._texts.get()
            try:
                with suppress(
                    RuntimeError
                ):  # what must be said to the end, such as a notice: it is answered then
                    await session.interrupt()
                session.generate_reply(user_input=text)
            except RuntimeError as error:  # the session is ending
                logger.warning("a typed message was not answered: %s", error)
