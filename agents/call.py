"""One call: the code that runs in a job process, from the dispatch to the caller's goodbye."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any
from uuid import UUID, uuid4

from livekit.agents import (
    Agent,
    AgentSession,
    CloseEvent,
    ConversationItemAddedEvent,
    JobContext,
    JobProcess,
    room_io,
)
from opentelemetry import trace

from agents.call_job import CallJob
from agents.config import AgentConfig, join_secrets
from agents.providers.registry import build_llm, build_stt, build_tts, build_vad
from agents.recorder import CallRecorder, turn_of
from agents.tracing import CallTraces, describe_call

logger = logging.getLogger(__name__)

TRACES = "traces"
"""Where a process keeps its `CallTraces`."""


def make_ready(process: JobProcess) -> None:
    """Runs in a fresh job process, which does not know yet whose call it will hold."""
    process.userdata[TRACES] = CallTraces()


async def hold_call(ctx: JobContext) -> None:
    """Join the room and talk until the caller leaves. The job holds a `CallJob`."""
    call = CallJob.take_out_of(ctx.job)
    try:
        await _begin(call, ctx)
    except Exception as error:
        cause = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        why = call.discretion.blot(f"The agent could not begin: {cause}")
        await _recorder(call, ctx).fail(why)
        raise


async def _begin(call: CallJob, ctx: JobContext) -> None:
    async with asyncio.TaskGroup() as join:
        # The caller waits for the agent to appear: joining begins before all that can be done meanwhile.
        join.create_task(ctx.connect())
        await asyncio.sleep(0)
        ctx.proc.userdata[TRACES].send_to(call.traces, call.discretion)
        config = join_secrets(call.config, call.secrets)
        session = _session(config)
        recorder = _record(call, ctx, session)
    _end_job_with(session, ctx)
    options = room_io.RoomOptions(video_input=False, delete_room_on_close=False)
    await session.start(
        Agent(instructions=config.instructions), room=ctx.room, room_options=options, record=False
    )
    logger.info("in the call")
    recorder.joined()
    if config.greeting:
        session.say(config.greeting)


def _recorder(call: CallJob, ctx: JobContext) -> CallRecorder:
    return CallRecorder(
        call.database_url,
        call_id=_call_id(ctx),
        agent_id=call.agent_id,
        version=call.version,
        room=ctx.job.room.name,
        trace_id=describe_call(trace.get_current_span(), ctx.job.room.name, call.slug, call.version)
        if call.traces
        else None,
    )


def _record(call: CallJob, ctx: JobContext, session: AgentSession[Any]) -> CallRecorder:
    recorder = _recorder(call, ctx)

    @session.on("conversation_item_added")
    def _on_item(event: ConversationItemAddedEvent) -> None:
        turn = turn_of(event.item)
        if turn:
            recorder.add(turn)

    ctx.add_shutdown_callback(recorder.close)
    return recorder


def _session(config: AgentConfig) -> AgentSession[Any]:
    vad = build_vad()
    return AgentSession(
        stt=build_stt(config, vad=vad),
        llm=build_llm(config),
        tts=build_tts(config),
        vad=vad,
        turn_handling=config.turn_handling.as_livekit(),  # type: ignore[arg-type]
    )


def _end_job_with(session: AgentSession[Any], ctx: JobContext) -> None:
    @session.on("close")
    def _on_close(event: CloseEvent) -> None:
        if event.error:
            logger.error("call closed by an error", extra={"room": ctx.room.name, "error": str(event.error)})
        else:
            logger.info("leaves the call: %s", event.reason.value)
        ctx.shutdown(str(event.reason.value))


def _call_id(ctx: JobContext) -> UUID:
    """The id that our token put into the dispatch; a new one when somebody else dispatched the agent."""
    try:
        return UUID(json.loads(ctx.job.metadata)["callId"])
    except (ValueError, KeyError, TypeError):
        return uuid4()
