"""Hearing what is not one of the phrases: noise, sounds, silence, and speech that nobody expected."""

from __future__ import annotations

import asyncio
import math
import random
import wave
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent, inference, llm, vad
from livekit.agents.voice.io import AudioInput

from agents.providers.offline import stt as offline
from agents.providers.offline.hearing import with_hiss
from agents.providers.offline.options import OfflineSttOptions
from agents.providers.scripted.llm import ScriptedLLM
from agents.providers.scripted.options import Rule, ScriptedLlmOptions
from tests.agents.providers.listening import Kind, finals, hear, make_ears
from tests.agents.providers.speech import PHRASES, frames, hiss, spoken

pytestmark = pytest.mark.unit

FIXTURES = Path(__file__).parent / "fixtures"
SHOP = [
    "where is my order",
    "what can you do",
    "when are you open",
    "talk to a human",
    "thank you",
    "hello",
    "goodbye",
]
"""What the recordings in `FIXTURES` were made with: each is named after what is said in it."""


def _pcm(samples: Iterable[float]) -> bytes:
    return array("h", (round(max(-32768.0, min(32767.0, sample))) for sample in samples)).tobytes()


def _clicks() -> bytes:
    source = random.Random(3)
    return _pcm(source.gauss(0, 8000) * math.exp(-(at % 6400) / 40) for at in range(32_000))


def _breath() -> bytes:
    source = random.Random(4)
    return _pcm(source.gauss(0, 1500) * math.sin(math.pi * at / 32_000) ** 2 for at in range(32_000))


def _hum() -> bytes:
    wave_of = [math.sin(math.tau * at / 320) + 0.4 * math.sin(math.tau * at / 160) for at in range(320)]
    return _pcm(3000 * wave_of[at % 320] for at in range(32_000))


SOUNDS: dict[str, Callable[[], bytes]] = {"clicks": _clicks, "breath": _breath, "hum": _hum}


class _Always(vad.VAD):
    """Takes all of a track for speech."""

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=0.02))

    def stream(self) -> vad.VADStream:
        return _AlwaysStream(self)


class _AlwaysStream(vad.VADStream):
    async def _main_task(self) -> None:
        heard: list[rtc.AudioFrame] = [
            frame async for frame in self._input_ch if isinstance(frame, rtc.AudioFrame)
        ]
        seconds = sum(frame.duration for frame in heard)
        for kind in (vad.VADEventType.START_OF_SPEECH, vad.VADEventType.END_OF_SPEECH):
            self._event_ch.send_nowait(
                vad.VADEvent(
                    type=kind,
                    samples_index=0,
                    timestamp=seconds,
                    speech_duration=seconds,
                    silence_duration=0.0,
                    frames=heard,
                    speaking=kind is vad.VADEventType.START_OF_SPEECH,
                )
            )


class _Microphone(AudioInput):
    """``audio`` (16 kHz) in real time, then nothing."""

    def __init__(self, audio: bytes) -> None:
        super().__init__(label="test")
        self._frames = frames(audio, 16_000)

    async def __anext__(self) -> rtc.AudioFrame:
        await asyncio.sleep(0.02)
        frame = next(self._frames, None)
        if frame is None:
            await asyncio.Event().wait()
            raise StopAsyncIteration
        return frame


@pytest.mark.parametrize("level", [100.0, 2000.0, 8000.0])
async def test_noise_is_no_phrase(level: float) -> None:
    assert finals(await hear(make_ears(PHRASES), hiss(bytes(64_000), level), 16_000)) == []


async def test_other_words_are_no_phrase() -> None:
    audio = spoken("my uncle bought seventeen yellow umbrellas", 16_000)
    events = await hear(make_ears(PHRASES), audio, 16_000)
    assert finals(events) == [offline.UNCLEAR]
    final = next(event for event, _ in events if event.type is Kind.FINAL_TRANSCRIPT)
    assert final.alternatives[0].confidence == 0
    assert final.speech_end_time is not None


async def test_other_words_can_be_passed_over() -> None:
    audio = spoken("my uncle bought seventeen yellow umbrellas", 16_000)
    options = OfflineSttOptions.model_validate({"grammar": PHRASES, "reportUnclear": False})
    ears = offline.OfflineSTT(options, vad=inference.VAD())
    assert finals(await hear(ears, audio, 16_000)) == []


async def test_a_short_sound_of_the_voice_is_not_unclear() -> None:
    assert finals(await hear(make_ears(PHRASES), spoken("mm", 16_000), 16_000)) == []


@pytest.mark.parametrize("sound", ["clicks", "breath", "hum"])
async def test_sounds_that_are_no_speech_give_nothing(sound: str) -> None:
    assert finals(await hear(make_ears(PHRASES), SOUNDS[sound](), 16_000)) == []


@pytest.mark.parametrize("sound", ["clicks", "breath", "white noise"])
async def test_no_speech_gives_nothing_even_if_voice_activity_is_seen_in_it(sound: str) -> None:
    audio = SOUNDS[sound]() if sound in SOUNDS else hiss(bytes(64_000), 2000)
    events = await hear(offline.OfflineSTT(OfflineSttOptions(grammar=PHRASES), vad=_Always()), audio, 16_000)
    assert Kind.RECOGNITION_USAGE in [event.type for event, _ in events]
    assert finals(events) == []


@pytest.mark.parametrize("recording", sorted(FIXTURES.glob("browser-*.wav")), ids=lambda path: path.stem)
async def test_phrases_with_digital_silence_around_them(recording: Path) -> None:
    """As browsers send them that suppress noise."""
    with wave.open(str(recording)) as source:
        audio = source.readframes(source.getnframes())
    ears = make_ears(SHOP)
    heard = await ears.recognize(list(frames(audio, 16_000)))
    assert heard.alternatives[0].text == recording.stem.removeprefix("browser-").replace("-", " ")
    assert finals(await hear(ears, bytes(16_000) + audio + bytes(32_000), 16_000)) == [
        heard.alternatives[0].text
    ]


@pytest.mark.parametrize("piece", [512, 640])
def test_hiss_is_the_same_in_whatever_pieces(piece: int) -> None:
    audio = spoken(PHRASES[4], 16_000)
    whole = b"".join(with_hiss(audio[at : at + 2], at // 2) for at in range(0, len(audio), 2))
    assert whole == b"".join(
        with_hiss(audio[at : at + 2 * piece], at // 2) for at in range(0, len(audio), 2 * piece)
    )


def test_hiss_does_not_wrap_loud_samples() -> None:
    loud = array("h", [32767, -32768] * 320).tobytes()
    mixed = array("h", with_hiss(loud, 31_900))
    assert min(mixed[::2]) > 32_000
    assert max(mixed[1::2]) < -32_000


async def test_unclear_speech_is_a_turn_that_the_scripted_model_answers() -> None:
    script = ScriptedLlmOptions(rules=[Rule(when=PHRASES[0], say="Today.")], otherwise="Say that again.")
    session: AgentSession[None] = AgentSession(
        stt=make_ears(PHRASES),
        vad=inference.VAD(),
        llm=ScriptedLLM(script),
        turn_handling={"turn_detection": "vad"},
    )
    said: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    @session.on("conversation_item_added")
    def _on_item(event: ConversationItemAddedEvent) -> None:
        if isinstance(event.item, llm.ChatMessage):
            said.put_nowait((event.item.role, event.item.text_content or ""))

    session.input.audio = _Microphone(spoken("my uncle bought seventeen yellow umbrellas", 16_000, after=2))
    await session.start(Agent(instructions=""), record=False)
    try:
        turns = [await asyncio.wait_for(said.get(), 20) for _ in range(2)]
    finally:
        await session.aclose()
    assert turns == [("user", offline.UNCLEAR), ("assistant", "Say that again.")]
