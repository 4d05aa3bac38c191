"""Synthetic callers for the tests of hearing."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator

from livekit import rtc

from agents.providers.offline.wav import synthesize_pcm

PHRASES = [
    "Where is my order?",
    "talk to a human",
    "cancel my subscription",
    "what time is it",
    "I need help with my bill",
]


def spoken(text: str, rate: int, *, voice: str = "en", before: float = 0.6, after: float = 0.9) -> bytes:
    """``text`` with the hiss of a quiet line, and pauses (seconds) around it."""
    speech = synthesize_pcm(text, voice=voice, sample_rate=rate)
    silence = bytes(2 * int(before * rate))
    return hiss(silence + speech + bytes(2 * int(after * rate)))


def hiss(audio: bytes, level: float = 20.0) -> bytes:
    """``audio`` with white noise of ``level`` (standard deviation, of 32768); the same every time."""
    source = random.Random(7)
    samples = (round(sample * 0.8 + source.gauss(0, level)) for sample in array("h", audio))
    return array("h", (max(-32768, min(32767, sample)) for sample in samples)).tobytes()


def frames(audio: bytes, rate: int, ms: int = 20) -> Iterator[rtc.AudioFrame]:
    """``audio`` in the pieces in which a track delivers it."""
    step = 2 * rate * ms // 1000
    for offset in range(0, len(audio) - step + 1, step):
        yield rtc.AudioFrame(audio[offset : offset + step], rate, 1, step // 2)
