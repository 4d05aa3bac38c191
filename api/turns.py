"""Requests that wait for each other, so that many of them leave Postgres and Temporal to others as well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.errors import Unavailable

_LATE = "Too many {what} were asked for at once. Nothing was changed: try again in a moment."


class Turns:
    """So many at once; the others stand in line, first come, first served."""

    def __init__(self, what: str, *, at_once: int, most: int, seconds: float) -> None:
        """`most`: how many may stand in line. `seconds`: how long one may. Beyond either it is refused."""
        self._late = _LATE.format(what=what)
        self._free = asyncio.Semaphore(at_once)
        self._most, self._seconds = most, seconds
        self._in_line = 0

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Hold a turn for the block.

        Raises:
            Unavailable: the line is too long.
        """
        if self._in_line >= self._most:
            raise Unavailable(self._late)
        self._in_line += 1
        try:
            await asyncio.wait_for(self._free.acquire(), self._seconds)
        except TimeoutError:
            raise Unavailable(self._late) from None
        finally:
            self._in_line -= 1
        try:
            yield
        finally:
            self._free.release()
