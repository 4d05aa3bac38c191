"""Standard output for a program that has more to do than to talk."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from typing import TextIO

_GONE = {errno.EPIPE, errno.EIO}
"""A pipe without a reader, a terminal without a screen."""


def _nobody_cares() -> None:
    return


class LastingStream(io.TextIOBase):
    """A stream whose reader may go away, as when a terminal is closed or `make up | tee log` is interrupted.

    What is said after that is lost. Writing raises nothing: whoever has a database to stop must get to it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._when_lost: Callable[[], object] = _nobody_cares

    def when_lost(self, call: Callable[[], object]) -> None:
        """`call` is called once the reader is gone, from whatever thread finds it out."""
        self._when_lost = call

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a read-only attribute there
        """Of the stream itself."""
        return self._stream.encoding

    def fileno(self) -> int:
        """Of the stream itself."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """True for a terminal."""
        return self._stream.isatty()

    def writable(self) -> bool:
        """Always, even when nobody reads."""
        return True

    def write(self, text: str) -> int:
        """Writes, or loses the text."""
        try:
            self._stream.write(text)
        except OSError as error:
            self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Flushes, or loses what was not written yet."""
        if self._stream.closed:
            return  # as Python asks whatever it has no more use for
        try:
            self._stream.flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        if error.errno not in _GONE:
            return  # a full disk, perhaps: the next line may find room
        # In the file's own place: nobody fails on it again, Python itself at its end included.
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self._stream.fileno())
        os.close(nothing)
        self._when_lost()
