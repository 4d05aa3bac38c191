"""What processes say: kept in bounded files, and picked for the terminal."""

from __future__ import annotations

import re
from collections import deque
from pathlib import Path
from typing import Protocol

MAX_BYTES = 10 * 1024 * 1024
"""A log file that grows past this is moved to `<name>.log.1`; the one before is dropped."""

_TROUBLE = re.compile(r"\b(WARN|WARNING|ERROR|FATAL|PANIC)\b|\"level\":\"(warn|error)|^panic:|^fatal error:")


class Output(Protocol):
    """Where a stack tells people how it goes."""

    def line(self, service: str, text: str) -> None:
        """One line that a process said."""

    def note(self, text: str) -> None:
        """Something the supervisor itself did."""

    def step(self, service: str, text: str) -> None:
        """A service reached a state: `text` is short, such as "ready"."""


class Silent:
    """Says nothing: tests read the log files."""

    def line(self, service: str, text: str) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def step(self, service: str, text: str) -> None:
        """Nothing."""


def is_trouble(text: str) -> bool:
    """True for a line that warns or reports an error, in the words of the servers we run."""
    return _TROUBLE.search(text) is not None


class LogFile:
    """A file per service, begun anew at each start of the stack; its last lines are kept at hand."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._tail: deque[str] = deque(maxlen=200)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            path.replace(self._previous)
        self._file = path.open("a", encoding="utf-8", errors="replace")
        self._size = 0

    @property
    def _previous(self) -> Path:
        return self.path.with_name(self.path.name + ".1")

    def write(self, text: str) -> None:
        """Adds one line, at once readable by others."""
        self._tail.append(text)
        if self._file.closed:
            return
        self._size += len(text) + 1
        if self._size > self._max_bytes:
            self._file.close()
            self.path.replace(self._previous)
            self._file = self.path.open("a", encoding="utf-8", errors="replace")
            self._size = len(text) + 1
        self._file.write(text + "\n")
        self._file.flush()

    def begin(self) -> None:
        """A new process speaks from now on: `tail` forgets the one before."""
        self._tail.clear()

    def tail(self, lines: int = 20) -> str:
        """The last lines, for an error message."""
        return "\n".join(list(self._tail)[-lines:])

    def close(self) -> None:
        """No more is written."""
        self._file.close()
