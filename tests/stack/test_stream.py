"""Standard output that may lose its reader."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.stream import LastingStream

pytestmark = pytest.mark.unit

FULL_DISK = Path("/dev/full")


@pytest.fixture
def lost() -> list[str]:
    return []


def listen(stream: LastingStream, lost: list[str]) -> None:
    stream.when_lost(lambda: lost.append("lost"))


@pytest.fixture
def pipe() -> Iterator[tuple[int, LastingStream]]:
    """Its reading end, and a stream into the other one."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as file:
        yield reader, LastingStream(file)


def test_what_is_written_arrives(pipe: tuple[int, LastingStream], lost: list[str]) -> None:
    reader, stream = pipe
    listen(stream, lost)
    assert stream.write("is up ●") == 7
    stream.flush()
    assert os.read(reader, 100).decode() == "is up ●"
    os.close(reader)
    assert lost == []


def test_a_reader_that_goes_away_is_told_once(pipe: tuple[int, LastingStream], lost: list[str]) -> None:
    reader, stream = pipe
    listen(stream, lost)
    os.close(reader)
    for _ in range(3):
        stream.write("does anyone listen?\n" * 10_000)
        stream.flush()
    assert lost == ["lost"]


@pytest.mark.skipif(not FULL_DISK.exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk_has_not_gone_away(lost: list[str]) -> None:
    with Path(os.devnull).open("w") as nothing, FULL_DISK.open("w") as file:
        stream = LastingStream(file)
        listen(stream, lost)
        stream.write("no room for this\n")
        stream.flush()
        assert lost == []
        os.dup2(nothing.fileno(), file.fileno())  # for what is still to be written when it is closed
