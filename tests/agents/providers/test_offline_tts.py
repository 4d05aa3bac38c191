"""Speaking: audible, in different voices, and silent when interrupted."""

from __future__ import annotations

import asyncio
import math
import time
import wave
from array import array
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from agents.providers.offline.espeak import UnknownVoice, espeak
from agents.providers.offline.options import OfflineTtsOptions
from agents.providers.offline.tts import OfflineTTS
from agents.providers.offline.wav import synthesize_wav

pytestmark = pytest.mark.unit

LONG = "This is a long sentence that goes on and on. " * 200


async def _say(text: str, **options: object) -> array[int]:
    voice = OfflineTTS(OfflineTtsOptions.model_validate(options))
    async with voice:
        frame = await voice.synthesize(text).collect()
    assert frame.sample_rate == voice.sample_rate == 22_050
    return array("h", frame.data.tobytes())


def _rms(samples: array[int]) -> float:
    return math.sqrt(sum(sample * sample for sample in samples) / len(samples))


def _difference(one: array[int], other: array[int]) -> float:
    """Of the spectra over time, near 0 for the same sound: eSpeak varies the phase from take to take."""
    spectra = [
        np.log1p(
            np.abs(
                np.fft.rfft(np.array(samples[: len(samples) // 512 * 512]).reshape(-1, 512) * np.hanning(512))
            )
        )
        for samples in (one, other)
    ]
    frames = min(len(spectrum) for spectrum in spectra)
    apart = np.abs(spectra[0][:frames] - spectra[1][:frames]).mean()
    return float(apart / spectra[0].mean())


async def test_speech_is_audible_and_voices_differ() -> None:
    said = {voice: await _say("Hello there, my friend.", voice=voice) for voice in ("en", "de", "en+f3")}
    assert all(_rms(samples) > 500 for samples in said.values())
    assert all(_difference(said[one], said[two]) > 0.15 for one, two in combinations(said, 2))
    assert _difference(said["en"], await _say("Hello there, my friend.", voice="en")) < 0.1


async def test_rate_and_pitch_matter() -> None:
    plain = await _say("Hello there, my friend.")
    assert len(await _say("Hello there, my friend.", rate=350)) < 0.75 * len(plain)
    assert _difference(plain, await _say("Hello there, my friend.", pitch=90)) > 0.12


async def test_the_first_audio_comes_before_the_last_is_made() -> None:
    async with OfflineTTS(OfflineTtsOptions()) as voice:
        started = time.perf_counter()
        stream = voice.synthesize(LONG)
        await anext(stream)
        first = time.perf_counter() - started
        async for _ in stream:
            pass
        whole = time.perf_counter() - started
    assert first < whole / 3


async def test_interrupted_speech_stops_and_the_next_is_whole() -> None:
    voice = OfflineTTS(OfflineTtsOptions())
    async with voice:
        stream = voice.synthesize(LONG * 5)
        await anext(stream)
        await stream.aclose()
        started = time.perf_counter()
        await asyncio.get_running_loop().run_in_executor(voice.thread, lambda: None)
        assert time.perf_counter() - started < 0.2
        frame = await voice.synthesize("Hello there, my friend.").collect()
    whole = len(await _say("Hello there, my friend."))
    assert frame.samples_per_channel == pytest.approx(whole, rel=0.02)


async def test_an_unknown_voice_says_so() -> None:
    with pytest.raises(UnknownVoice, match="unknown voice `xx`"):
        OfflineTTS(OfflineTtsOptions(voice="xx"))


def test_an_error_in_the_listener_reaches_the_speaker() -> None:
    def fail(_audio: bytes) -> bool:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        espeak().speak("hello", voice="en", rate=175, pitch=50, on_audio=fail)


def test_wav_files_have_silence_around_the_words(tmp_path: Path) -> None:
    path = synthesize_wav("hello", tmp_path / "say.wav", lead_silence=0.5, tail_silence=1.0)
    with wave.open(str(path)) as audio:
        assert (audio.getframerate(), audio.getnchannels(), audio.getsampwidth()) == (48_000, 1, 2)
        samples = array("h", audio.readframes(audio.getnframes()))
    assert not any(samples[:24_000])
    assert not any(samples[-48_000:])
    assert _rms(samples[24_000:-48_000]) > 500
