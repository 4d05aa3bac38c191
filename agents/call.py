"""One call: the code that runs in a job process, from the dispatch to the caller's goodbye."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from livekit.agents import Agent, AgentSession, JobContext, JobProcess, room_io
from livekit.agents.llm import ChatItem
from opentelemetry import trace

from agents.audible import stay_audible
from agents.call_job import CallJob
from agents.config import AgentConfig, join_secrets
from agents.dispatch import Dispatch
from agents.leaving import leave_when_alone, leave_when_replaced, leave_with
from agents.providers.registry import build_llm, build_stt, build_tts, build_vad
from agents.record.continuing import Conversation, items_before
from agents.record.heard import Listener, SpokenText
from agents.record.journal import Journal
from agents.record.ledger import Ledger
from agents.record.recorder import CallRecorder, JoinedAgent
from agents.recording import NOTED, begin_recording, end_recording, recording_options
from agents.tracing import CallTraces, describe_call
from agents.typed import Typed

logger = logging.getLogger(__name__)

TRACES = "traces"
"""Where a process keeps its `CallTraces`."""


def make_ready(process: JobProcess) -> None:
    """Runs in a fresh job process, which does not know yet whose call it will hold."""
    # Its host sends this before it kills a process that hangs: the log then tells where.
    faulthandler.register(signal.SIGUSR1)
    stay_audible()
    process.userdata[TRACES] = CallTraces()


async def hold_call(ctx: JobContext) -> None:
    """Join the room and talk until the caller leaves. The job holds a `CallJob`."""
    call = CallJob.take_out_of(ctx.job)
    dispatch = Dispatch.of(ctx.job.metadata)
    ledger = Ledger(call.database_url, ctx.job.room.name)
    agent = _agent(call, dispatch, ctx)
    journal = Journal.begin(Path(call.spool), agent) if call.spool else None
    recorder = CallRecorder(ledger, agent, journal)
    try:
        await _begin(call, dispatch, ctx, recorder, ledger)
    except Exception as error:
        cause = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        await recorder.fail(call.discretion.blot(f"The agent could not begin: {cause}"))
        raise


async def _begin(
    call: CallJob, dispatch: Dispatch, ctx: JobContext, recorder: CallRecorder, ledger: Ledger
) -> None:
    async with asyncio.TaskGroup() as join:
        # The caller waits for the agent to appear: joining begins before all that can be done meanwhile.
        join.create_task(ctx.connect())
        before = join.create_task(_before(dispatch, recorder, ledger))
        await asyncio.sleep(0)
        traces: CallTraces = ctx.proc.userdata[TRACES]
        traces.send_to(call.traces, call.discretion)
        config = join_secrets(call.config, call.secrets)
        session = _session(config, continues=dispatch.continues)
        spoken = SpokenText(recorder)
        Listener(recorder, spoken, call.discretion).listen(session)
        ctx.add_shutdown_callback(_noting_lost_spans(traces, recorder))
        ctx.add_shutdown_callback(recorder.close)
    typed = Typed(ctx)
    leave_when_replaced(recorder, ctx)
    leave_with(session, ctx)
    conversation = Conversation(before.result(), config.asides)
    if recorder.replaced.is_set():
        return  # before it could say a word
    agent = Agent(instructions=config.instructions, chat_ctx=conversation.context())
    options = room_io.RoomOptions(
        video_input=False,
        delete_room_on_close=False,
        text_output=room_io.TextOutputOptions(next_in_chain=spoken),
    )
    recorded = begin_recording(ctx, dispatch, config.recording, call.spool)
    record = recording_options(recorded=recorded)
    await session.start(agent, room=ctx.room, room_options=options, record=record)
    logger.info("takes up the conversation" if conversation.begun else "in the call")
    recorder.joined()
    if dispatch.to_caller:
        leave_when_alone(ctx)
    if config.recording.enabled:
        recorder.note(NOTED, {"recorded": recorded, "notice": config.recording.consent})
    speak_first(config, conversation, session)
    typed.answer_in(session)


async def end_call(ctx: JobContext) -> None:
    """The session is over, and its process not yet."""
    await end_recording(ctx)


def _noting_lost_spans(traces: CallTraces, recorder: CallRecorder) -> Callable[[], Coroutine[Any, Any, None]]:
    async def _note() -> None:
        if traces.lost:
            recorder.note("untraced", {"spans": traces.lost})

    return _note


async def _before(dispatch: Dispatch, recorder: CallRecorder, ledger: Ledger) -> list[ChatItem]:
    """What was said before this agent came. The first one need not look."""
    return await items_before(recorder, ledger) if dispatch.continues else []


def speak_first(config: AgentConfig, conversation: Conversation, session: AgentSession[Any]) -> None:
    """Greet the caller, or take up a conversation that another agent began."""
    notice = config.recording.notice
    if notice and not conversation.has_heard(notice):
        session.say(notice, allow_interruptions=False)
    if not conversation.begun:
        if config.greeting:
            session.say(config.greeting)
        return
    if config.comeback:
        session.say(config.comeback)
    if conversation.heard_the_caller:
        if conversation.awaits_answer:
            session.generate_reply()
    elif config.greeting and not conversation.ends_with(config.greeting):
        session.say(config.greeting)


def _agent(call: CallJob, dispatch: Dispatch, ctx: JobContext) -> JoinedAgent:
    room = ctx.job.room.name
    return JoinedAgent(
        call_id=dispatch.call_id,
        agent_id=call.agent_id,
        version=call.version,
        room=room,
        attempt=dispatch.attempt,
        trace_id=describe_call(trace.get_current_span(), room, call.slug, call.version)
        if call.traces
        else None,
        host=call.host or None,
        process=call.process or None,
        job_id=ctx.job.id,
    )


def _session(config: AgentConfig, *, continues: bool) -> AgentSession[Any]:
    vad = build_vad()
    # In the first seconds of a session's speech livekit-agents gives the recogniser silence, until the echo
    # canceller of the caller knows the room. One that heard an agent before knows it: words would be lost.
    warmup: dict[str, Any] = {"aec_warmup_duration": None} if continues else {}
    return AgentSession(
        stt=build_stt(config, vad=vad),
        llm=build_llm(config),
        tts=build_tts(config),
        vad=vad,
        turn_handling=config.turn_handling.as_livekit(),  # type: ignore[arg-type]
        **warmup,
    )
