"""Long work shown as one line that changes in place; without a terminal, as a line now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status
from rich.text import Text

_PLAIN_INTERVAL = 30.0
"""Seconds between two lines where nothing can change in place."""


class Task:
    """One piece of work in progress."""

    def __init__(self, title: str, console: Console, status: Status | None) -> None:
        self._title = title
        self._console = console
        self._status = status
        self._began = self._said = time.monotonic()
        self._detail = ""

    def detail(self, text: str) -> None:
        """What is being done at this moment."""
        self._detail = text.strip()
        self.refresh()

    def refresh(self) -> None:
        """Shows the time that has passed."""
        now = time.monotonic()
        if self._status is not None:
            self._status.update(self._text(now))
        elif now - self._said >= _PLAIN_INTERVAL:
            self._said = now
            self._console.print(self._text(now))

    def _text(self, now: float) -> Text:
        text = Text(f"{self._title}  {elapsed(now - self._began)}  ", overflow="ellipsis", no_wrap=True)
        room = max(10, self._console.width - len(text) - 6)
        # The end of a package's path tells more than its beginning.
        shown = self._detail if len(self._detail) <= room else "…" + self._detail[-room + 1 :]
        text.append(shown, style="dim")
        return text

    def finished(self) -> str:
        """The closing words."""
        return f"{self._title}: done in {elapsed(time.monotonic() - self._began)}"


class Progress:
    """Makes tasks on one console."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)

    @contextmanager
    def task(self, title: str) -> Iterator[Task]:
        """Shows the work while the block runs, with the time passing."""
        status = self._console.status(title, spinner="dots") if self._console.is_terminal else None
        task = Task(title, self._console, status)
        if status is None:
            self._console.print(Text(title))
        else:
            status.start()
        stop = threading.Event()
        # A thread of its own: the clock goes on while the loop is busy elsewhere.
        clock = threading.Thread(target=_tick, args=(task, stop), daemon=True, name="progress clock")
        clock.start()
        try:
            yield task
        finally:
            stop.set()
            clock.join(timeout=2)
            if status is not None:
                status.stop()
        self._console.print(Text(task.finished()))

    def note(self, text: str) -> None:
        """One line that stays."""
        self._console.print(Text(text))


def _tick(task: Task, stop: threading.Event) -> None:
    while not stop.wait(1.0):
        task.refresh()


def elapsed(seconds: float) -> str:
    """`42 s` or `3:05`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
