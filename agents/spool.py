"""Files of a host that outlive the process that writes them.

Whoever writes one holds a lock on it, which the system takes away when that process is gone, however it
ended: from then on the file is the host's.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def name_of(room: str, attempt: int | None = None) -> str:
    """How the names of all files begin that are of a room, or of one agent in it."""
    name = f"{room.replace('/', '_')}."
    return name if attempt is None else f"{name}{attempt}."


def begin(spool: Path, room: str, attempt: int, suffix: str, first: str) -> IO[str]:
    """A file that begins with `first`, locked until it is closed. Raises OSError."""
    spool.mkdir(parents=True, exist_ok=True, mode=0o700)
    stem = f"{name_of(room, attempt)}{os.getpid()}-{time.time_ns()}"
    file = (spool / f"{stem}{suffix}.new").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write(first)
        file.flush()
        # Only now it can be seen, when it is locked already.
        Path(file.name).rename(spool / f"{stem}{suffix}")
    except BaseException:
        file.close()
        raise
    return file


@contextmanager
def left(path: Path) -> Iterator[IO[str] | None]:
    """That file, ours for the block; None while another process has it, or it is gone."""
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
        # Whoever had it just now may have done with it.
        yield file if path.exists() else None
