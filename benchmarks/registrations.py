"""Who is registered with LiveKit and since when, in LiveKit's own words: the lines of its log."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from stack.config import Service

_SAYS = "\tworker registered\t"


class NotRegistered(Exception):
    """LiveKit did not report a registration in time."""


def parse(line: str) -> tuple[str, float] | None:
    """Agent name and time, in seconds since the epoch, of a line that reports a registration."""
    if _SAYS not in line:
        return None
    head, _, fields = line.partition(_SAYS)
    return str(json.loads(fields)["agentName"]), datetime.fromisoformat(head.split("\t")[0]).timestamp()


class Registrations:
    """A listener to a stack's log lines, which keeps what LiveKit says of registrations.

    The times are LiveKit's, so they do not depend on how busy this process is; they are cut to milliseconds.
    """

    def __init__(self) -> None:
        self._seen: dict[str, list[float]] = defaultdict(list)
        self._news = asyncio.Event()

    def line(self, service: str, text: str) -> None:
        """One line that a process said."""
        found = parse(text) if service == Service.LIVEKIT else None
        if found:
            name, at = found
            self._seen[name].append(at)
            self._news.set()

    def note(self, text: str) -> None:
        """Of no interest."""

    def step(self, service: str, text: str) -> None:
        """Of no interest."""

    def _first_after(self, name: str, after: float) -> float | None:
        return next((at for at in self._seen.get(name, ()) if at > after), None)

    async def wait(self, names: Collection[str], *, after: float, seconds: float) -> dict[str, float]:
        """When each name was first registered after a moment. Raises `NotRegistered` after `seconds`."""
        found: dict[str, float] = {}
        try:
            async with asyncio.timeout(seconds):
                while len(found) < len(names):
                    self._news.clear()
                    times = {name: self._first_after(name, after) for name in names if name not in found}
                    found |= {name: at for name, at in times.items() if at is not None}
                    if len(found) < len(names):
                        await self._news.wait()
        except TimeoutError:
            missing = [name for name in names if name not in found]
            some = ", ".join(missing[:3])
            raise NotRegistered(
                f"{len(missing)} of {len(names)} not registered with LiveKit within {seconds:g} s: {some}"
            ) from None
        return found
