"""An agent that is interrupted before its caller's side takes its voice is heard all the same.

livekit-agents (1.8.9) awaits one and the same future for every frame until the caller has subscribed to the
agent's track. To interrupt an utterance that waits there cancels the future with the task that awaits it, and
nothing that the agent says afterwards is ever heard, in voice or in words. A caller who speaks or types at
once meets such an agent.
"""

from __future__ import annotations

import asyncio

from livekit import rtc
from livekit.agents.voice.room_io._output import _ParticipantAudioOutput

LIBRARYS = _ParticipantAudioOutput.capture_frame
"""As livekit-agents has it."""


async def _capture_frame(self: _ParticipantAudioOutput, frame: rtc.AudioFrame) -> None:
    await asyncio.shield(self.subscribed)
    await LIBRARYS(self, frame)


def stay_audible() -> None:
    """For all sessions of this process."""
    _ParticipantAudioOutput.capture_frame = _capture_frame  # type: ignore[method-assign]
