"""Recognition off the event loop: one thread for one stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from agents.providers.offline.grammar import Grammar
from agents.providers.offline.hearing import Voicing
from agents.providers.offline.recogniser import POOL, Heard, Recogniser

T = TypeVar("T")


class Decoding:
    """A recogniser and the one thread that touches it."""

    def __init__(self, grammar: Grammar | None) -> None:
        self._grammar = grammar
        self._recogniser: Recogniser | None = None
        self._in_utterance = False
        self._voicing = Voicing()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="offline-stt")

    async def start(self) -> None:
        """Begin an utterance; the first time, load the recogniser if none is free."""
        await self._run(self._start)

    async def feed(self, audio: bytes) -> None:
        """More of the utterance; returns when it is decoded."""
        await self._run(lambda: self._feed(audio))

    async def partial(self) -> str:
        """The words so far."""
        return await self._run(lambda: self._loaded().partial())

    async def finish(self) -> Heard | None:
        """End the utterance."""
        return await self._run(self._finish)

    @property
    def voiced(self) -> float:
        """Seconds of voice in the utterance so far; between `feed`s and until the next `start`."""
        return self._voicing.seconds

    def close(self) -> None:
        """Give the recogniser back once the thread is done with what it was told; does not wait."""
        self._thread.submit(self._release)
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _loaded(self) -> Recogniser:
        if self._recogniser is None:
            self._recogniser = POOL.take(dictation=self._grammar is None)
            self._recogniser.use(self._grammar)
        return self._recogniser

    def _start(self) -> None:
        self._loaded().start()
        self._voicing = Voicing()
        self._in_utterance = True

    def _feed(self, audio: bytes) -> None:
        self._loaded().feed(audio)
        self._voicing.add(audio)

    def _finish(self) -> Heard | None:
        self._in_utterance = False
        return self._loaded().finish()

    def _release(self) -> None:
        if self._recogniser is None:
            return
        if self._in_utterance:
            self._finish()
        POOL.give_back(self._recogniser)
        self._recogniser = None
