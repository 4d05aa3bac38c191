"""Ogg files, whole and cut off anywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from common.ogg import cut_to_whole, extent
from tests.support.sound import decoded, encoded

pytestmark = pytest.mark.unit

SECONDS = 5


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A recording as livekit-agents writes it."""
    path = tmp_path / "sound.ogg"
    times = np.arange(48_000 * SECONDS) / 48_000
    tone = (0.3 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    path.write_bytes(encoded(tone))
    return path


def test_the_length_is_read_off_the_pages(sound: Path) -> None:
    found = extent(sound)
    assert found.size == sound.stat().st_size
    assert found.seconds == pytest.approx(SECONDS, abs=0.03)
    assert decoded(sound.read_bytes()).seconds == pytest.approx(found.seconds, abs=0.03)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9, 0.97])
def test_what_is_cut_off_is_as_long_as_its_whole_pages(sound: Path, share: float) -> None:
    content = sound.read_bytes()
    sound.write_bytes(content[: int(len(content) * share)])
    found = cut_to_whole(sound)
    assert sound.stat().st_size == found.size
    assert 0 < found.seconds < SECONDS
    assert decoded(sound.read_bytes()).seconds == pytest.approx(found.seconds, abs=0.03)


@pytest.mark.parametrize("content", [b"", b"Ogg", b"OggS" + bytes(10), b"RIFF" + bytes(100)])
def test_what_is_no_recording_has_no_length(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.ogg"
    path.write_bytes(content)
    assert cut_to_whole(path).seconds == 0
