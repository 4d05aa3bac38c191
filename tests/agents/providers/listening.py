"""Ears, and what they heard: the offline recogniser as tests use it."""

from __future__ import annotations

import asyncio
import time

from livekit.agents import inference, stt

from agents.providers.offline import stt as offline
from agents.providers.offline.options import OfflineSttOptions
from tests.agents.providers.speech import frames

Kind = stt.SpeechEventType


async def hear(
    ears: offline.OfflineSTT, audio: bytes, rate: int, *, pace: float = 0.0
) -> list[tuple[stt.SpeechEvent, float]]:
    """Events with the wall-clock time they came at; ``pace`` seconds between frames of 20 ms."""
    stream = ears.stream()
    events: list[tuple[stt.SpeechEvent, float]] = []

    async def collect() -> None:
        events.extend([(event, time.time()) async for event in stream])

    collecting = asyncio.create_task(collect())
    due = time.perf_counter()
    for frame in frames(audio, rate):
        stream.push_frame(frame)
        due += pace
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    stream.end_input()
    await asyncio.wait_for(collecting, 30)
    await stream.aclose()
    return events


def make_ears(grammar: list[str] | None, *, interim: bool = False) -> offline.OfflineSTT:
    """A recogniser of the phrases in `grammar`; None for dictation."""
    options = OfflineSttOptions(grammar=grammar, interim_results=interim)
    return offline.OfflineSTT(options, vad=inference.VAD())


def finals(events: list[tuple[stt.SpeechEvent, float]]) -> list[str]:
    """The final transcripts."""
    return [event.alternatives[0].text for event, _ in events if event.type is Kind.FINAL_TRANSCRIPT]
