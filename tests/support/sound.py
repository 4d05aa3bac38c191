"""What is in a recording."""

from __future__ import annotations

import io
from dataclasses import dataclass

import av
import numpy as np

LOUD = 0.02
"""Of full scale: above silence and what codecs make of it."""


@dataclass(frozen=True)
class Sound:
    """A decoded recording."""

    seconds: float
    caller: float
    """Seconds in which the caller's channel is loud."""
    agent: float


def decoded(content: bytes) -> Sound:
    """Decode all of an Ogg file: fails unless it can be, to its end."""
    rate, parts = 0, []
    with av.open(io.BytesIO(content), "r", format="ogg") as container:
        for frame in container.decode(audio=0):
            rate = frame.sample_rate
            parts.append(frame.to_ndarray())
    samples = np.concatenate(parts, axis=1)
    left, right = (_loud(channel, rate) for channel in samples)
    return Sound(samples.shape[1] / rate, left, right)


def _loud(channel: np.ndarray, rate: int) -> float:
    window = rate // 50
    whole = channel[: len(channel) // window * window].reshape(-1, window)
    return float((np.abs(whole).max(axis=1) > LOUD).sum() / 50)


def encoded(tone: np.ndarray) -> bytes:
    """A recording as livekit-agents writes it: the tone on the left, silence on the right."""
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=48_000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.stack([tone, 0 * tone]), format="fltp", layout="stereo")
        frame.sample_rate = 48_000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return file.getvalue()
