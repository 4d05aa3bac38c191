"""Recordings while they are made: files in the spool of a host, which outlive the process that writes them.

Each has a note beside it that says whose it is. Whoever writes the file holds a lock on the note, which the
system takes away when that process is gone, however it ended: from then on the file is the host's to keep.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

from pydantic import TypeAdapter

SOUND = ".ogg"
CONTENT_TYPE = "audio/ogg"


@dataclass(frozen=True)
class TapeNote:
    """Whose recording it is."""

    room: str
    attempt: int
    """The dispatch whose agent makes it."""
    started_at: float
    """Seconds since the epoch."""
    notice: str | None = None
    """What the caller is told of it."""
    whole: bool = False
    """Its agent has finished it."""


_ADAPTER = TypeAdapter(TapeNote)


class Tape:
    """A recording that is being made by this process."""

    def __init__(self, path: Path, file: IO[str], note: TapeNote) -> None:
        self.path = path
        self._file, self._note = file, note

    @classmethod
    def begin(cls, spool: Path, note: TapeNote) -> Tape:
        """A place for a recording. Raises OSError."""
        spool.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{note.room.replace('/', '_')}.{note.attempt}.{os.getpid()}-{time.time_ns()}"
        file = (spool / f"{name}.new").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            tape = cls(spool / f"{name}{SOUND}", file, note)
            tape._write()
            # Only now it can be seen, when it is locked already.
            Path(file.name).rename(spool / f"{name}.json")
        except BaseException:
            file.close()
            raise
        return tape

    def finish(self, started_at: float | None) -> None:
        """All of it is written, and it is the host's. Raises OSError."""
        self._note = replace(self._note, whole=True, started_at=started_at or self._note.started_at)
        with self._file:
            self._write()

    def _write(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        json.dump(asdict(self._note), self._file)
        self._file.flush()


@dataclass(frozen=True)
class LeftTape:
    """A recording whose process is gone."""

    note: TapeNote
    sound: Path
    path: Path

    def age(self) -> float:
        """Seconds since its note was written."""
        return time.time() - self.path.stat().st_mtime

    def remove(self) -> None:
        """It is kept, or worth nothing."""
        self.sound.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


def notes(spool: Path) -> list[Path]:
    """Every recording that was begun and is not kept, the oldest first."""
    return sorted(spool.glob("*.json"), key=_begun)


def _begun(path: Path) -> float:
    with suppress(FileNotFoundError):
        return path.stat().st_mtime
    return 0.0


@contextmanager
def left(path: Path) -> Iterator[LeftTape | None]:
    """The recording of that note, ours for the block; None while another process has it, or it is gone."""
    try:
        file = path.open()
    except FileNotFoundError:
        yield None
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        if not path.exists():  # whoever had it just now has kept it
            yield None
            return
        yield LeftTape(_ADAPTER.validate_json(file.read()), path.with_suffix(SOUND), path)
