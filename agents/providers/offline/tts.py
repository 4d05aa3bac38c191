"""eSpeak NG as a LiveKit TTS: audio flows while it is made, and stops when the agent is interrupted."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from livekit.agents import APIConnectOptions, tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from agents.providers.offline.espeak import espeak
from agents.providers.offline.options import OfflineTtsOptions


class OfflineTTS(tts.TTS[str]):
    """One voice. Raises what :func:`~agents.providers.offline.espeak.espeak` does."""

    def __init__(self, options: OfflineTtsOptions) -> None:
        engine = espeak()
        engine.check_voice(options.voice)
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=False),
            sample_rate=engine.sample_rate,
            num_channels=1,
        )
        self.options = options
        # one thread: eSpeak has one speaker, and an interrupted sentence must end before the next begins
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="offline-tts")

    @property
    def model(self) -> str:
        """The voice."""
        return self.options.voice

    @property
    def provider(self) -> str:
        """Who speaks."""
        return "espeak-ng"

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        """Speak ``text``."""
        return _Speech(self, text, conn_options)

    async def aclose(self) -> None:
        """Stop the thread; does not wait for a sentence that is being made."""
        self.thread.shutdown(wait=False, cancel_futures=True)


class _Speech(tts.ChunkedStream):
    def __init__(self, parent: OfflineTTS, text: str, conn_options: APIConnectOptions) -> None:
        super().__init__(tts=parent, input_text=text, conn_options=conn_options)
        self._parent = parent

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id=utils.shortuuid(),
            sample_rate=self._parent.sample_rate,
            num_channels=1,
            mime_type="audio/pcm",
        )
        loop = asyncio.get_running_loop()
        stopped = Event()

        def on_audio(audio: bytes) -> bool:
            if stopped.is_set():
                return False
            loop.call_soon_threadsafe(output_emitter.push, audio)
            return True

        def speak() -> None:
            if not stopped.is_set():
                options = self._parent.options
                espeak().speak(
                    self.input_text,
                    voice=options.voice,
                    rate=options.rate,
                    pitch=options.pitch,
                    on_audio=on_audio,
                )

        try:
            await loop.run_in_executor(self._parent.thread, speak)
        finally:
            stopped.set()
        output_emitter.flush()
