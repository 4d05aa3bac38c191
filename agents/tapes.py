"""Recordings while they are made, in the spool of a host. Each has a note beside it that says whose it is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

from pydantic import TypeAdapter

from agents import spool

SOUND, NOTE = ".ogg", ".json"
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
    def begin(cls, folder: Path, note: TapeNote) -> Tape:
        """A place for a recording. Raises OSError."""
        file = spool.begin(folder, note.room, note.attempt, NOTE, json.dumps(asdict(note)))
        path = Path(file.name.removesuffix(".new"))
        return cls(path.with_suffix(SOUND), file, note)

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


def notes(folder: Path) -> list[Path]:
    """Every recording that was begun and is not kept, the oldest first."""
    return sorted(folder.glob(f"*{NOTE}"), key=_begun)


def _begun(path: Path) -> float:
    with suppress(FileNotFoundError):
        return path.stat().st_mtime
    return 0.0


@contextmanager
def left(path: Path) -> Iterator[LeftTape | None]:
    """The recording of that note, ours for the block; None while another process has it, or it is gone."""
    with spool.left(path) as file:
        note = _ADAPTER.validate_json(file.read()) if file else None
        yield LeftTape(note, path.with_suffix(SOUND), path) if note else None
