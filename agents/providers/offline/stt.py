"""The offline recogniser as a LiveKit STT that works while the caller speaks.

Voice activity opens and closes an utterance. In between, audio goes to PocketSphinx piece by piece on a
thread of its own, so that at the end of speech only the last piece remains to be decoded and the event loop
that carries the audio never waits. With a grammar, speech of some length that is none of its phrases is
reported as `UNCLEAR`, so that it can be answered; other sounds give no transcript.
"""

from __future__ import annotations

import asyncio
import logging
import time

from livekit import rtc
from livekit.agents import APIConnectOptions, stt, utils, vad
from livekit.agents.language import LanguageCode
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.agents.utils import AudioBuffer

from agents.providers.offline.decoding import Decoding
from agents.providers.offline.grammar import Grammar
from agents.providers.offline.hearing import SAMPLE_RATE
from agents.providers.offline.options import OfflineSttOptions
from agents.providers.offline.recogniser import Heard

logger = logging.getLogger(__name__)

UNCLEAR = "[unclear]"
"""The transcript of speech that is no phrase of the grammar, with a confidence of 0."""
_UNCLEAR_SPEECH = 0.5
"""Seconds of voice activity from which it is worth an answer: "no" has 0.3, "thank you" 0.6, a sentence 0.8
and more."""
_UNCLEAR_VOICED = 0.25
"""Seconds of it that must be voiced: "thank you" has 0.4, a sentence 0.6 and more."""

_BYTES_PER_SECOND = SAMPLE_RATE * 2
_PIECE = _BYTES_PER_SECOND // 5
_MAX_WAITING = 30 * _BYTES_PER_SECOND
"""Undecoded audio kept when the machine is too slow. Beyond it the newest is dropped: the beginning of an
utterance
says more than its end."""
_MAX_UTTERANCE = 30 * _BYTES_PER_SECOND
"""Speech without a pause is cut into utterances of this length, so that memory stays bounded."""


class OfflineSTT(stt.STT[str]):
    """PocketSphinx behind voice activity detection."""

    def __init__(self, options: OfflineSttOptions, *, vad: vad.VAD, language: str = "en") -> None:
        super().__init__(
            capabilities=stt.STTCapabilities(streaming=True, interim_results=options.interim_results)
        )
        self._vad = vad
        self._language = LanguageCode(language)
        self._interim = options.interim_results
        self._grammar = Grammar.of(options.grammar) if options.grammar else None
        self._report_unclear = options.report_unclear and self._grammar is not None

    @property
    def model(self) -> str:
        """The acoustic model's name."""
        return "en-us-ptm"

    @property
    def provider(self) -> str:
        """Who recognises."""
        return "pocketsphinx"

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        """Recognition of a live track; frames of any rate. ``language`` is the instance's own."""
        del language  # there is one model
        return _Stream(self, conn_options=conn_options)

    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        del language, conn_options
        audio = _at_16k(utils.combine_frames(buffer))
        decoding = Decoding(self._grammar)
        try:
            await decoding.start()
            await decoding.feed(audio)
            heard = await decoding.finish()
        finally:
            decoding.close()
        return self._final(heard, duration=len(audio) / _BYTES_PER_SECOND)

    def _final(self, heard: Heard | None, *, start: float = 0.0, duration: float = 0.0) -> stt.SpeechEvent:
        return self._transcript(
            stt.SpeechEventType.FINAL_TRANSCRIPT, heard or Heard("", 0.0), start, duration
        )

    def _transcript(
        self, kind: stt.SpeechEventType, heard: Heard, start: float, duration: float
    ) -> stt.SpeechEvent:
        data = stt.SpeechData(
            language=self._language,
            text=heard.text,
            confidence=heard.confidence,
            start_time=start,
            end_time=start + duration,
        )
        return stt.SpeechEvent(type=kind, alternatives=[data])


def _at_16k(frame: rtc.AudioFrame) -> bytes:
    if frame.sample_rate == SAMPLE_RATE:
        return bytes(frame.data.cast("B"))
    resampler = rtc.AudioResampler(frame.sample_rate, SAMPLE_RATE, quality=rtc.AudioResamplerQuality.HIGH)
    return b"".join(bytes(out.data.cast("B")) for out in [*resampler.push(frame), *resampler.flush()])


class _Utterance:
    """Audio between the start and the end of speech, waiting for the decoder."""

    def __init__(self, start: float) -> None:
        self.start = start
        """Seconds since the stream began."""
        self.ended_at: float | None = None
        """Wall-clock time at which speech ended; None while it goes on."""
        self.open = True
        self.speech = 0.0
        """Seconds of voice activity in it."""
        self.taken = 0
        self._waiting = bytearray()
        self._dropped = 0

    def add(self, audio: bytes) -> None:
        room = max(0, _MAX_WAITING - len(self._waiting))
        if room < len(audio) and not self._dropped:
            logger.warning("recognition is slower than speech; dropping audio")
        self._dropped += max(0, len(audio) - room)
        self._waiting += audio[:room]

    def take(self) -> bytes:
        piece = bytes(self._waiting[:_PIECE])
        del self._waiting[:_PIECE]
        self.taken += len(piece)
        return piece

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)


class _Stream(stt.RecognizeStream):
    """One track: frames → voice activity → utterances → transcripts."""

    def __init__(self, parent: OfflineSTT, *, conn_options: APIConnectOptions) -> None:
        super().__init__(stt=parent, conn_options=conn_options, sample_rate=SAMPLE_RATE)
        self._parent = parent

    async def _run(self) -> None:
        utterances: asyncio.Queue[_Utterance | None] = asyncio.Queue()
        news = asyncio.Event()
        decoding = Decoding(self._parent._grammar)  # noqa: SLF001 - the stream is part of its STT
        activity = self._parent._vad.stream()  # noqa: SLF001
        tasks = [
            asyncio.create_task(self._forward(activity), name="offline_stt_forward"),
            asyncio.create_task(self._cut(activity, utterances, news), name="offline_stt_cut"),
            asyncio.create_task(self._decode(decoding, utterances, news), name="offline_stt_decode"),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            await utils.aio.cancel_and_wait(*tasks)
            await activity.aclose()
            decoding.close()

    async def _forward(self, activity: vad.VADStream) -> None:
        async for frame in self._input_ch:
            if isinstance(frame, rtc.AudioFrame):
                activity.push_frame(frame)
        activity.end_input()

    async def _cut(
        self, activity: vad.VADStream, utterances: asyncio.Queue[_Utterance | None], news: asyncio.Event
    ) -> None:
        """Turn voice activity into utterances."""
        current: _Utterance | None = None
        async for event in activity:
            if event.type == vad.VADEventType.START_OF_SPEECH:
                self._event_ch.send_nowait(stt.SpeechEvent(type=stt.SpeechEventType.START_OF_SPEECH))
                current = _Utterance(self.start_time_offset + event.timestamp - event.speech_duration)
                utterances.put_nowait(current)
                current.add(_pcm(event.frames))
            elif event.type == vad.VADEventType.INFERENCE_DONE and current and event.speaking:
                current.add(_pcm(event.frames))
                current.speech = event.speech_duration - event.raw_accumulated_silence
            elif event.type == vad.VADEventType.END_OF_SPEECH and current:
                current.speech = event.speech_duration
                current.ended_at = time.time() - event.silence_duration
                current.open = False
                current = None
            news.set()
        if current:
            current.ended_at = time.time()
            current.open = False
        utterances.put_nowait(None)
        news.set()

    async def _decode(
        self, decoding: Decoding, utterances: asyncio.Queue[_Utterance | None], news: asyncio.Event
    ) -> None:
        while utterance := await utterances.get():
            await decoding.start()
            begun_at = 0
            said = ""
            while utterance.open or utterance.waiting:
                if not utterance.waiting:
                    news.clear()
                    await news.wait()
                    continue
                await decoding.feed(utterance.take())
                if self._parent._interim:  # noqa: SLF001
                    said = await self._report_partial(decoding, said, utterance)
                if utterance.taken - begun_at >= _MAX_UTTERANCE:
                    self._report_final(await self._finish(decoding, utterance), utterance, begun_at)
                    begun_at = utterance.taken
                    await decoding.start()
            self._report_final(await self._finish(decoding, utterance), utterance, begun_at)
            self._event_ch.send_nowait(
                stt.SpeechEvent(type=stt.SpeechEventType.END_OF_SPEECH, speech_end_time=utterance.ended_at)
            )

    async def _finish(self, decoding: Decoding, utterance: _Utterance) -> Heard | None:
        heard = await decoding.finish()
        if (
            heard is None
            and self._parent._report_unclear  # noqa: SLF001
            and utterance.speech >= _UNCLEAR_SPEECH
            and decoding.voiced >= _UNCLEAR_VOICED
        ):
            return Heard(UNCLEAR, 0.0)
        return heard

    async def _report_partial(self, decoding: Decoding, said: str, utterance: _Utterance) -> str:
        text = await decoding.partial()
        if text and text != said:
            kind = stt.SpeechEventType.INTERIM_TRANSCRIPT
            duration = utterance.taken / _BYTES_PER_SECOND
            self._event_ch.send_nowait(
                self._parent._transcript(kind, Heard(text, 0.0), utterance.start, duration)  # noqa: SLF001
            )
        return text

    def _report_final(self, heard: Heard | None, utterance: _Utterance, begun_at: int) -> None:
        duration = (utterance.taken - begun_at) / _BYTES_PER_SECOND
        if heard is not None:
            start = utterance.start + begun_at / _BYTES_PER_SECOND
            event = self._parent._final(heard, start=start, duration=duration)  # noqa: SLF001
            event.speech_end_time = utterance.ended_at
            self._event_ch.send_nowait(event)
        self._event_ch.send_nowait(
            stt.SpeechEvent(
                type=stt.SpeechEventType.RECOGNITION_USAGE,
                recognition_usage=stt.RecognitionUsage(audio_duration=duration),
            )
        )


def _pcm(frames: list[rtc.AudioFrame]) -> bytes:
    return b"".join(bytes(frame.data.cast("B")) for frame in frames)
