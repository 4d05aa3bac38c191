"""Byte ranges of HTTP (RFC 9110, section 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True)
class ByteRange:
    """From the first byte up to the one after the last."""

    start: int
    end: int


class NotSatisfiable(ValueError):
    """The file has no such bytes."""


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """What is asked for of a file of `size` bytes; None where all of it is to be sent.

    That is so as well where several ranges are asked for, or something that is none: either may be answered
    with the whole file.

    Raises:
        NotSatisfiable: there are no such bytes.
    """
    match = _RANGE.fullmatch((header or "").replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise NotSatisfiable
    return ByteRange(start, end)
