"""Recording a call, in its job process: livekit-agents writes the file, and sends it nowhere."""

from __future__ import annotations

import logging
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import av
from livekit.agents import JobContext
from livekit.agents.voice.agent_session import RecordingOptions
from livekit.agents.voice.recorder_io import recorder_io

from agents.aftercare_config import RecordingConfig
from agents.dispatch import Dispatch
from agents.tapes import Tape, TapeNote

logger = logging.getLogger(__name__)

NOTED = "recording"
"""The event that an agent records its call."""

TAPE = "tape"
"""Where a process keeps its `Tape`."""

NOTHING = RecordingOptions(audio=False, traces=False, logs=False, transcript=False, redaction=False)
SOUND = RecordingOptions(audio=True, traces=False, logs=False, transcript=False, redaction=False)
_FILE = "audio.ogg"
"""What livekit-agents calls the file, in the job's own folder."""


def begin_recording(ctx: JobContext, dispatch: Dispatch, config: RecordingConfig, spool: str) -> bool:
    """Have the session that starts next recorded into the host's spool; whether that can be.

    A call goes on without its recording.
    """
    # Said first, this is the last word on what is sent to LiveKit's cloud, where the call is on it: nothing.
    ctx.init_recording(NOTHING)
    if not config.enabled:
        return False
    try:
        note = TapeNote(ctx.job.room.name, dispatch.attempt, time.time(), config.consent)
        tape = Tape.begin(Path(spool), note)
        (ctx.session_directory / _FILE).symlink_to(tape.path)
        _write_promptly()
    except OSError:
        logger.exception("the call can't be recorded", extra={"room": ctx.job.room.name})
        return False
    ctx.proc.userdata[TAPE] = tape
    return True


def _write_promptly() -> None:
    """Have livekit-agents' recorder hand each page to the system when it is full: once a second.

    By itself it keeps 32 KB to itself, ten seconds of talk or more, which a process that is killed takes with
    it. There is no setting for it, so the library that it writes with is handed to it with one.
    """
    prompt = partial(av.open, options={"flush_packets": "1"})
    vars(recorder_io)["av"] = SimpleNamespace(**vars(av) | {"open": prompt})


async def end_recording(ctx: JobContext) -> None:
    """The session is closed: the file is whole."""
    tape: Tape | None = ctx.proc.userdata.get(TAPE)
    if tape is None:
        return
    report = ctx.make_session_report()
    # Else it would be uploaded in a moment, where the call is on LiveKit's cloud.
    report.options.recording_options.update(NOTHING)
    tape.finish(report.audio_recording_started_at)


def recording_options(*, recorded: bool) -> RecordingOptions:
    """For `AgentSession.start`."""
    return SOUND if recorded else NOTHING
