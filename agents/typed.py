"""What is typed for a caller through the platform's API: the agent hears it as if the caller had said it.

A caller's own page types in text streams (topic `lk.chat`), which livekit-agents hears by itself. LiveKit's
server API sends no streams, but data packets: so the API sends one on a topic of ours.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, JobContext

from agents.record.heard import storable
from common.livekit import TYPED_TOPIC

logger = logging.getLogger(__name__)


class Typed:
    """Takes messages from before the agent is in the room, and answers them one after the other."""

    def __init__(self, ctx: JobContext) -> None:
        self._ctx = ctx
        self._texts: asyncio.Queue[str] = asyncio.Queue()
        ctx.room.on("data_received", self._take)

    def _take(self, packet: rtc.DataPacket) -> None:
        # Only LiveKit's server API sends without being a participant: others have the topic to themselves.
        if packet.topic == TYPED_TOPIC and packet.participant is None:
            self._texts.put_nowait(storable(packet.data.decode("utf-8", "replace")))

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
                await session.interrupt()
                session.generate_reply(user_input=text)
            except RuntimeError as error:  # the session is ending
                logger.warning("a typed message was not answered: %s", error)
