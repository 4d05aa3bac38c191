"""Hearing: real recognition of synthetic speech."""

from __future__ import annotations

import asyncio
import math
import random
import threading
import time
import wave
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent, inference, llm, stt, vad
from livekit.agents.voice.io import AudioInput

from agents.providers.offline import stt as offline
from agents.providers.offline.grammar import Grammar
from agents.providers.offline.hearing import with_hiss
from agents.providers.offline.options import OfflineSttOptions
from agents.providers.offline.recogniser import Recogniser
from agents.providers.scripted.llm import ScriptedLLM
from agents.providers.scripted.options import Rule, ScriptedLlmOptions
from tests.agents.providers.speech import PHRASES, frames, hiss, spoken

pytestmark = pytest.mark.unit

Kind = stt.SpeechEventType

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


async def _hear(
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


def _ears(grammar: list[str] | None, *, interim: bool = False) -> offline.OfflineSTT:
    options = OfflineSttOptions(grammar=grammar, interim_results=interim)
    return offline.OfflineSTT(options, vad=inference.VAD())


def _finals(events: list[tuple[stt.SpeechEvent, float]]) -> list[str]:
    return [event.alternatives[0].text for event, _ in events if event.type is Kind.FINAL_TRANSCRIPT]


@pytest.mark.parametrize("voice", ["en", "en-us+f3"])
async def test_every_phrase_is_recognised_as_it_was_written(voice: str) -> None:
    ears = _ears(PHRASES)
    for phrase in PHRASES:
        events = await _hear(ears, spoken(phrase, 48_000, voice=voice), 48_000)
        assert _finals(events) == [phrase]
        kinds = [event.type for event, _ in events]
        assert kinds == [
            Kind.START_OF_SPEECH,
            Kind.FINAL_TRANSCRIPT,
            Kind.RECOGNITION_USAGE,
            Kind.END_OF_SPEECH,
        ]


async def test_two_utterances_in_one_stream() -> None:
    audio = spoken(PHRASES[0], 16_000) + spoken(PHRASES[1], 16_000)
    assert _finals(await _hear(_ears(PHRASES), audio, 16_000)) == PHRASES[:2]


async def test_the_transcript_is_there_when_speech_ends() -> None:
    """In real time: whatever the voice activity detector waits for is over, and no decoding is left to do."""
    events = await _hear(_ears(PHRASES), spoken(PHRASES[4], 16_000), 16_000, pace=0.02)
    final = next((event, at) for event, at in events if event.type is Kind.FINAL_TRANSCRIPT)
    ended_at = final[0].speech_end_time
    assert ended_at is not None
    detector_waits = 0.25
    assert final[1] - ended_at - detector_waits < 0.3


async def test_interim_results_grow_into_the_phrase() -> None:
    events = await _hear(_ears(PHRASES, interim=True), spoken(PHRASES[4], 16_000), 16_000)
    interims = [event.alternatives[0].text for event, _ in events if event.type is Kind.INTERIM_TRANSCRIPT]
    assert interims
    assert all("i need help with my bill".startswith(text) for text in interims[-2:])
    assert _finals(events) == [PHRASES[4]]


@pytest.mark.parametrize("level", [100.0, 2000.0, 8000.0])
async def test_noise_is_no_phrase(level: float) -> None:
    assert _finals(await _hear(_ears(PHRASES), hiss(bytes(64_000), level), 16_000)) == []


async def test_other_words_are_no_phrase() -> None:
    audio = spoken("my uncle bought seventeen yellow umbrellas", 16_000)
    events = await _hear(_ears(PHRASES), audio, 16_000)
    assert _finals(events) == [offline.UNCLEAR]
    final = next(event for event, _ in events if event.type is Kind.FINAL_TRANSCRIPT)
    assert final.alternatives[0].confidence == 0
    assert final.speech_end_time is not None


async def test_other_words_can_be_passed_over() -> None:
    audio = spoken("my uncle bought seventeen yellow umbrellas", 16_000)
    options = OfflineSttOptions.model_validate({"grammar": PHRASES, "reportUnclear": False})
    ears = offline.OfflineSTT(options, vad=inference.VAD())
    assert _finals(await _hear(ears, audio, 16_000)) == []


async def test_a_short_sound_of_the_voice_is_not_unclear() -> None:
    assert _finals(await _hear(_ears(PHRASES), spoken("mm", 16_000), 16_000)) == []


@pytest.mark.parametrize("sound", ["clicks", "breath", "hum"])
async def test_sounds_that_are_no_speech_give_nothing(sound: str) -> None:
    assert _finals(await _hear(_ears(PHRASES), SOUNDS[sound](), 16_000)) == []


@pytest.mark.parametrize("sound", ["clicks", "breath", "white noise"])
async def test_no_speech_gives_nothing_even_if_voice_activity_is_seen_in_it(sound: str) -> None:
    audio = SOUNDS[sound]() if sound in SOUNDS else hiss(bytes(64_000), 2000)
    events = await _hear(offline.OfflineSTT(OfflineSttOptions(grammar=PHRASES), vad=_Always()), audio, 16_000)
    assert Kind.RECOGNITION_USAGE in [event.type for event, _ in events]
    assert _finals(events) == []


@pytest.mark.parametrize("recording", sorted(FIXTURES.glob("browser-*.wav")), ids=lambda path: path.stem)
async def test_phrases_with_digital_silence_around_them(recording: Path) -> None:
    """As browsers send them that suppress noise."""
    with wave.open(str(recording)) as source:
        audio = source.readframes(source.getnframes())
    ears = _ears(SHOP)
    heard = await ears.recognize(list(frames(audio, 16_000)))
    assert heard.alternatives[0].text == recording.stem.removeprefix("browser-").replace("-", " ")
    assert _finals(await _hear(ears, bytes(16_000) + audio + bytes(32_000), 16_000)) == [
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
        stt=_ears(PHRASES),
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


def test_a_word_that_is_not_in_the_dictionary_is_named() -> None:
    with pytest.raises(ValueError, match="florbel"):
        Recogniser(dictation=False).use(Grammar.of(["where is florbel", "goodbye"]))


async def test_dictation_hears_some_words() -> None:
    assert _finals(await _hear(_ears(None), spoken("goodbye", 16_000), 16_000)) != []


async def test_recognize_whole_buffer() -> None:
    event = await _ears(PHRASES).recognize(list(frames(spoken(PHRASES[3], 48_000), 48_000)))
    assert event.alternatives[0].text == PHRASES[3]
    assert 0 <= event.alternatives[0].confidence <= 1


async def test_decoding_never_runs_on_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()
    original = Recogniser.feed

    def feed(self: Recogniser, audio: bytes) -> None:
        threads.add(threading.get_ident())
        original(self, audio)

    monkeypatch.setattr(Recogniser, "feed", feed)
    await _hear(_ears(PHRASES), spoken(PHRASES[0], 16_000), 16_000)
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_a_slow_machine_drops_the_newest_audio_and_still_answers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(offline, "_MAX_WAITING", 16_000)
    original = Recogniser.feed

    def feed(self: Recogniser, audio: bytes) -> None:
        time.sleep(0.3)
        original(self, audio)

    monkeypatch.setattr(Recogniser, "feed", feed)
    events = await _hear(_ears(PHRASES), spoken(" ".join(PHRASES), 16_000), 16_000)
    assert events[-1][0].type is Kind.END_OF_SPEECH
    assert "dropping audio" in caplog.text


async def test_closing_in_mid_word_gives_the_recogniser_back() -> None:
    ears = _ears(PHRASES)
    stream = ears.stream()
    for frame in list(frames(spoken(PHRASES[0], 16_000), 16_000))[:70]:
        stream.push_frame(frame)
        await asyncio.sleep(0.002)
    await stream.aclose()
    assert _finals(await _hear(ears, spoken(PHRASES[1], 16_000), 16_000)) == [PHRASES[1]]


async def test_speech_without_a_pause_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "_MAX_UTTERANCE", 48_000)
    events = await _hear(_ears(PHRASES), spoken(" and ".join(PHRASES), 16_000), 16_000)
    usages = [event for event, _ in events if event.type is Kind.RECOGNITION_USAGE]
    assert len(usages) > 1
