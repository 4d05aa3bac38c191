"""Callers who speak."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import cycle

from livekit import rtc

from agents.providers.offline.wav import synthesize_pcm

_RATE = 16_000
_FRAME_BYTES = 2 * _RATE // 50
_SILENCE = bytes(_FRAME_BYTES)


async def spoken(text: str) -> list[bytes]:
    """What a microphone picks up of `text`, piece by piece."""
    speech = await asyncio.to_thread(synthesize_pcm, text, sample_rate=_RATE)
    return [
        speech[at : at + _FRAME_BYTES].ljust(_FRAME_BYTES, b"\0")
        for at in range(0, len(speech), _FRAME_BYTES)
    ]


def again(speech: list[bytes], seconds: float) -> Iterator[bytes]:
    """It is said again and again, from one beginning to the next so long."""
    pause = int(seconds * _RATE) * 2 // _FRAME_BYTES - len(speech)
    return cycle([*speech, *[_SILENCE] * pause])


@asynccontextmanager
async def microphone(room: rtc.Room, pieces: Iterator[bytes]) -> AsyncIterator[None]:
    """The caller in `room` says this until the end of the block."""
    speaking = asyncio.create_task(_publish(room, pieces), name="microphone")
    try:
        yield
    finally:
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)


async def _publish(room: rtc.Room, pieces: Iterator[bytes]) -> None:
    source = rtc.AudioSource(_RATE, 1, queue_size_ms=100)
    track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    await room.local_participant.publish_track(track, options)
    for piece in pieces:
        await source.capture_frame(rtc.AudioFrame(piece, _RATE, 1, _FRAME_BYTES // 2))
