"""Ctrl-C is always answered, wherever in the program it comes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Whether Ctrl-C was pressed.

    Python raises `KeyboardInterrupt` wherever it is just then, and where that is a destructor or a callback,
    the exception is dropped. So it is noted as well, for those who look.
    """

    def __init__(self) -> None:
        self._asked = False

    def note(self, _signal: int, _frame: FrameType | None) -> None:
        """The signal's handler."""
        self._asked = True
        raise KeyboardInterrupt

    def look(self) -> None:
        """Raise what was dropped."""
        if self._asked:
            raise KeyboardInterrupt


@contextmanager
def heeded() -> Iterator[Interrupts]:
    """Note interrupts for the block."""
    interrupts = Interrupts()
    before = signal.signal(signal.SIGINT, interrupts.note)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
