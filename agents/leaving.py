"""When an agent leaves its call: with its session, when another has taken over, or when nobody is there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, CloseEvent, JobContext

from agents.record.recorder import ALONE, CallRecorder

logger = logging.getLogger(__name__)

ALONE_SECONDS = 5.0
"""How long an agent waits in a room in which nobody is. Whoever comes later gets another one."""

_CALLERS = {
    rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
    rtc.ParticipantKind.PARTICIPANT_KIND_SIP,
    rtc.ParticipantKind.PARTICIPANT_KIND_CONNECTOR,
}


def leave_with(session: AgentSession[Any], ctx: JobContext) -> None:
    """The job ends with its session: the caller has hung up, or it can't go on."""

    @session.on("close")
    def _on_close(event: CloseEvent) -> None:
        if event.error:
            logger.error("call closed by an error", extra={"room": ctx.room.name, "error": str(event.error)})
        else:
            logger.info("leaves the call: %s", event.reason.value)
        ctx.shutdown(str(event.reason.value))


def leave_when_replaced(recorder: CallRecorder, ctx: JobContext) -> None:
    """Two agents in one room would talk at once: the older one goes, also when it had lost the room and is
    back. Of two that one dispatch sent, as LiveKit does when it was started again, the younger one goes."""
    back = asyncio.Event()

    @ctx.room.on("reconnected")
    def _on_reconnected() -> None:
        back.set()

    async def _look() -> None:
        while True:
            await back.wait()
            back.clear()
            await recorder.begin_again()

    async def _leave() -> None:
        await recorder.replaced.wait()
        logger.warning(
            "another agent has taken the call over: this one leaves", extra={"room": ctx.room.name}
        )
        ctx.shutdown("replaced")

    _until_the_end(ctx, _leave(), "leave when replaced")
    _until_the_end(ctx, _look(), "look whether replaced")


def leave_when_alone(ctx: JobContext) -> None:
    """A caller who hung up before the agent came was never seen, and the session would wait for one.

    Where somebody comes in time, the session ends with them.
    """
    came = asyncio.Event()

    @ctx.room.on("participant_connected")
    def _on_connected(participant: rtc.RemoteParticipant) -> None:
        if participant.kind in _CALLERS:
            came.set()

    async def _leave() -> None:
        if any(each.kind in _CALLERS for each in ctx.room.remote_participants.values()):
            return
        try:
            await asyncio.wait_for(came.wait(), ALONE_SECONDS)
        except TimeoutError:
            logger.info("leaves the call: %s", ALONE)
            ctx.shutdown(ALONE)

    _until_the_end(ctx, _leave(), "leave when alone")


def _until_the_end(ctx: JobContext, coroutine: Coroutine[Any, Any, None], name: str) -> None:
    task = asyncio.create_task(coroutine, name=name)

    async def _cancel() -> None:
        task.cancel()

    ctx.add_shutdown_callback(_cancel)
