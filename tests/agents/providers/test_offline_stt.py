"""Hearing: real recognition of synthetic speech."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from agents.providers.offline import stt as offline
from agents.providers.offline.grammar import Grammar
from agents.providers.offline.recogniser import Recogniser
from tests.agents.providers.listening import Kind, finals, hear, make_ears
from tests.agents.providers.speech import PHRASES, frames, spoken

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("voice", ["en", "en-us+f3"])
async def test_every_phrase_is_recognised_as_it_was_written(voice: str) -> None:
    ears = make_ears(PHRASES)
    for phrase in PHRASES:
        events = await hear(ears, spoken(phrase, 48_000, voice=voice), 48_000)
        assert finals(events) == [phrase]
        kinds = [event.type for event, _ in events]
        assert kinds == [
            Kind.START_OF_SPEECH,
            Kind.FINAL_TRANSCRIPT,
            Kind.RECOGNITION_USAGE,
            Kind.END_OF_SPEECH,
        ]


async def test_two_utterances_in_one_stream() -> None:
    audio = spoken(PHRASES[0], 16_000) + spoken(PHRASES[1], 16_000)
    assert finals(await hear(make_ears(PHRASES), audio, 16_000)) == PHRASES[:2]


async def test_the_transcript_is_there_when_speech_ends() -> None:
    """In real time: whatever the voice activity detector waits for is over, and no decoding is left to do."""
    events = await hear(make_ears(PHRASES), spoken(PHRASES[4], 16_000), 16_000, pace=0.02)
    final = next((event, at) for event, at in events if event.type is Kind.FINAL_TRANSCRIPT)
    ended_at = final[0].speech_end_time
    assert ended_at is not None
    detector_waits = 0.25
    assert final[1] - ended_at - detector_waits < 0.3


async def test_interim_results_grow_into_the_phrase() -> None:
    events = await hear(make_ears(PHRASES, interim=True), spoken(PHRASES[4], 16_000), 16_000)
    interims = [event.alternatives[0].text for event, _ in events if event.type is Kind.INTERIM_TRANSCRIPT]
    assert interims
    assert all("i need help with my bill".startswith(text) for text in interims[-2:])
    assert finals(events) == [PHRASES[4]]


def test_a_word_that_is_not_in_the_dictionary_is_named() -> None:
    with pytest.raises(ValueError, match="florbel"):
        Recogniser(dictation=False).use(Grammar.of(["where is florbel", "goodbye"]))


async def test_dictation_hears_some_words() -> None:
    assert finals(await hear(make_ears(None), spoken("goodbye", 16_000), 16_000)) != []


async def test_recognize_whole_buffer() -> None:
    event = await make_ears(PHRASES).recognize(list(frames(spoken(PHRASES[3], 48_000), 48_000)))
    assert event.alternatives[0].text == PHRASES[3]
    assert 0 <= event.alternatives[0].confidence <= 1


async def test_decoding_never_runs_on_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()
    original = Recogniser.feed

    def feed(self: Recogniser, audio: bytes) -> None:
        threads.add(threading.get_ident())
        original(self, audio)

    monkeypatch.setattr(Recogniser, "feed", feed)
    await hear(make_ears(PHRASES), spoken(PHRASES[0], 16_000), 16_000)
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
    events = await hear(make_ears(PHRASES), spoken(" ".join(PHRASES), 16_000), 16_000)
    assert events[-1][0].type is Kind.END_OF_SPEECH
    assert "dropping audio" in caplog.text


async def test_closing_in_mid_word_gives_the_recogniser_back() -> None:
    ears = make_ears(PHRASES)
    stream = ears.stream()
    for frame in list(frames(spoken(PHRASES[0], 16_000), 16_000))[:70]:
        stream.push_frame(frame)
        await asyncio.sleep(0.002)
    await stream.aclose()
    assert finals(await hear(ears, spoken(PHRASES[1], 16_000), 16_000)) == [PHRASES[1]]


async def test_speech_without_a_pause_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "_MAX_UTTERANCE", 48_000)
    events = await hear(make_ears(PHRASES), spoken(" and ".join(PHRASES), 16_000), 16_000)
    usages = [event for event, _ in events if event.type is Kind.RECOGNITION_USAGE]
    assert len(usages) > 1
