"""An agent interrupted before anybody takes its voice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from livekit import rtc
from livekit.agents.voice.room_io._output import _ParticipantAudioOutput

from agents.audible import LIBRARYS, stay_audible

pytestmark = pytest.mark.unit

RATE = 24_000
FRAME = rtc.AudioFrame.create(RATE, 1, RATE // 50)


@pytest.fixture
async def output() -> AsyncIterator[_ParticipantAudioOutput]:
    """An agent's voice that nobody has subscribed to."""
    output = _ParticipantAudioOutput(
        rtc.Room(), sample_rate=RATE, num_channels=1, track_publish_options=rtc.TrackPublishOptions()
    )
    yield output
    await output.aclose()


async def _interrupted(output: _ParticipantAudioOutput) -> None:
    speaking = asyncio.create_task(output.capture_frame(FRAME))
    await asyncio.sleep(0)
    speaking.cancel()
    await asyncio.gather(speaking, return_exceptions=True)


async def test_what_is_said_after_an_early_interruption_is_heard(
    output: _ParticipantAudioOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_ParticipantAudioOutput, "capture_frame", LIBRARYS)
    stay_audible()
    await _interrupted(output)
    assert output.captured_playout_segments == 0
    output.subscribed.set_result(None)
    await output.capture_frame(FRAME)
    assert output.captured_playout_segments == 1


async def test_livekit_agents_still_needs_it(
    output: _ParticipantAudioOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_ParticipantAudioOutput, "capture_frame", LIBRARYS)
    await _interrupted(output)
    assert output.subscribed.cancelled(), "mended in livekit-agents: agents/audible.py can go"
