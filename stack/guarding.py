"""The supervisor's side of `stack.guard`."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

_END_SECONDS = 3.0


class Guard:
    """Tells the guard process which process groups exist."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Starts the guard process. It uses the standard library only, so it needs no site packages."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-S",
            "-E",
            str(Path(__file__).with_name("guard.py")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )

    def add(self, group: int) -> None:
        """This group must not outlive the supervisor."""
        self._say(f"+{group}\n")

    def remove(self, group: int) -> None:
        """This group has ended."""
        self._say(f"-{group}\n")

    def _say(self, text: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(text.encode())

    async def close(self) -> None:
        """Ends the guard; groups that are still listed are killed by it."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        with suppress(ConnectionError):
            process.stdin.close()
            await process.stdin.wait_closed()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
