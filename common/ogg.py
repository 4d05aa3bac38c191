"""Ogg files: how long one is, and how much of one is whole whose writer was killed.

An Ogg file is a row of pages, each of which says how long it is: what was cut off amid a page is as good as
new without that page.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

OPUS_RATE = 48_000
"""Of an Opus stream's positions, whatever its sound was."""

_HEADER = struct.Struct("<4sBBqIIIB")
_NOWHERE = -1
"""The position of a page in which no packet ends."""


@dataclass(frozen=True)
class Extent:
    """How much of a file can be used."""

    size: int
    """Bytes up to the end of the last whole page."""
    seconds: float
    """Of sound; 0 where there is none."""


def extent(path: Path) -> Extent:
    """Look through the pages of an Opus file; their contents are skipped. Raises OSError."""
    size, position, skipped = 0, 0, 0
    end = path.stat().st_size
    with path.open("rb") as file:
        while page := _page(file, size, end):
            last, length, head = page
            if head.startswith(b"OpusHead") and len(head) >= 12:
                skipped = int.from_bytes(head[10:12], "little")
            size += length
            position = position if last == _NOWHERE else last
    return Extent(size, max(0, position - skipped) / OPUS_RATE)


def _page(file: BinaryIO, start: int, end: int) -> tuple[int, int, bytes] | None:
    """Position and length of the page at `start`, and how its content begins; None for what is none, or not
    whole."""
    file.seek(start)
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    magic, _, _, position, _, _, _, segments = _HEADER.unpack(header)
    table = file.read(segments)
    length = _HEADER.size + segments + sum(table)
    if magic != b"OggS" or len(table) < segments or start + length > end:
        return None
    return position, length, file.read(min(sum(table), 19))


def cut_to_whole(path: Path) -> Extent:
    """Take off what its writer could not finish. Raises OSError."""
    whole = extent(path)
    if whole.size < path.stat().st_size:
        os.truncate(path, whole.size)
    return whole
