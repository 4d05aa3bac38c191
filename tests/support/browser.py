"""A person at a browser: Chromium, signed in, with a microphone that plays a file of speech."""

from __future__ import annotations

import asyncio
import tempfile
import wave
from array import array
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import ConsoleMessage, Page, async_playwright, expect

from agents.providers.offline.wav import synthesize_wav
from stack import Stack
from stack.testtools import browser as find_browser

PATIENCE_MS = 30_000
"""How long the page may take for what the platform does within a second: machines of tests are busy."""

LEAD_SECONDS = 8.0
"""Silence first, until the agent has greeted. The file begins with the microphone and plays again at its end:
a phrase that came too early is said once more."""

ANSWER_SECONDS = 8.0
"""Silence after each phrase, until the agent has answered."""

LOUDNESS = 0.15
"""Part of the voice's full level that reaches the microphone. Real ones are quiet, so a browser's gain
control begins with 15 dB: it would clip the first phrase at full level."""

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)


@dataclass
class Visitor:
    """A page, and what went wrong in it."""

    page: Page
    errors: list[str] = field(default_factory=list)
    """Errors in the console, and exceptions that nobody caught."""

    def watch(self) -> None:
        """Collect errors from now on."""
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._note)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")


def write_speech(phrases: Sequence[str], path: Path) -> Path:
    """A WAV with all `phrases`, each with time for its answer."""
    with wave.open(str(path), "wb") as whole:
        for number, phrase in enumerate(phrases):
            lead = LEAD_SECONDS if number == 0 else 0.0
            part = path.with_suffix(f".{number}.wav")
            synthesize_wav(phrase, part, lead_silence=lead, tail_silence=ANSWER_SECONDS)
            with wave.open(str(part), "rb") as spoken:
                if number == 0:
                    whole.setparams(spoken.getparams())
                samples = array("h", spoken.readframes(spoken.getnframes()))
            whole.writeframes(array("h", (round(LOUDNESS * sample) for sample in samples)).tobytes())
    return path


@asynccontextmanager
async def visiting(
    stack: Stack, *, says: Sequence[str] = (), signed_in: bool = True, **context: Any
) -> AsyncIterator[Visitor]:
    """A Chromium of its own until the block ends; `context` is for Playwright's `new_context`.

    Its microphone plays `says`; its camera shows Chromium's test picture.
    """
    program = find_browser()
    assert program, "Chromium is needed; `make test` installs it."
    expect.set_options(timeout=PATIENCE_MS)
    with tempfile.TemporaryDirectory() as folder:
        flags = list(_FLAGS)
        if says:
            speech = await asyncio.to_thread(write_speech, says, Path(folder, "speech.wav"))
            flags.append(f"--use-file-for-fake-audio-capture={speech}")
        async with async_playwright() as playwright:
            chromium = await playwright.chromium.launch(
                executable_path=program, args=flags, timeout=2 * PATIENCE_MS
            )
            try:
                page = await (await chromium.new_context(base_url=stack.api_url, **context)).new_page()
                page.set_default_timeout(PATIENCE_MS)
                visitor = Visitor(page)
                visitor.watch()
                if signed_in:
                    await page.goto(stack.login_url())
                yield visitor
            finally:
                await chromium.close()
