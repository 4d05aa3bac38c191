"""Speech into WAV files: what a fake microphone plays in tests and benchmarks."""

from __future__ import annotations

import wave
from pathlib import Path

from livekit import rtc

from agents.providers.offline.espeak import espeak


def synthesize_pcm(
    text: str, *, voice: str = "en", rate: int = 175, pitch: int = 50, sample_rate: int
) -> bytes:
    """``text`` spoken, as 16-bit mono samples at ``sample_rate`` Hz."""
    engine = espeak()
    pieces: list[bytes] = []

    def keep(piece: bytes) -> bool:
        pieces.append(piece)
        return True

    engine.speak(text, voice=voice, rate=rate, pitch=pitch, on_audio=keep)
    audio = b"".join(pieces)
    if sample_rate == engine.sample_rate:
        return audio
    resampler = rtc.AudioResampler(engine.sample_rate, sample_rate, quality=rtc.AudioResamplerQuality.HIGH)
    frames = [*resampler.push(bytearray(audio)), *resampler.flush()]
    return b"".join(bytes(frame.data.cast("B")) for frame in frames)


def synthesize_wav(
    text: str,
    path: Path | str,
    voice: str = "en",
    *,
    sample_rate: int = 48_000,
    lead_silence: float = 0.0,
    tail_silence: float = 0.0,
) -> Path:
    """Write ``text``, spoken, as a mono WAV with silence (seconds) before and after it."""
    speech = synthesize_pcm(text, voice=voice, sample_rate=sample_rate)
    target = Path(path)
    with wave.open(str(target), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(sample_rate)
        out.writeframes(
            bytes(2 * int(lead_silence * sample_rate)) + speech + bytes(2 * int(tail_silence * sample_rate))
        )
    return target
