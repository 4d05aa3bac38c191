"""Recordings in the spool: whose they are while their process lives, and when it is gone."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agents.tapes import Tape, TapeNote, left, notes

pytestmark = pytest.mark.unit

NOTE = TapeNote("call-1", 2, 1000.0, "This call is recorded.")
RECORD = """
import sys, time
from pathlib import Path
from agents.tapes import Tape, TapeNote
tape = Tape.begin(Path(sys.argv[1]), TapeNote("call-1", 2, 1000.0))
tape.path.write_bytes(b"sound")
print("recording", flush=True)
time.sleep(60)
"""


def test_a_recording_belongs_to_its_process_until_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RECORD, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    with process.stdout as said:
        assert said.readline() == "recording\n"
        (path,) = notes(tmp_path)
        with left(path) as tape:
            assert tape is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    with left(path) as tape:
        assert tape is not None
        assert tape.note == TapeNote("call-1", 2, 1000.0)
        assert tape.sound.read_bytes() == b"sound"
        with left(path) as another:
            assert another is None
        tape.remove()
    assert list(tmp_path.iterdir()) == []
    with left(path) as tape:
        assert tape is None


def test_what_is_finished_says_so(tmp_path: Path) -> None:
    tape = Tape.begin(tmp_path / "spool", NOTE)
    tape.finish(2000.0)
    (path,) = notes(tmp_path / "spool")
    assert '"whole": true' in path.read_text()
    assert '"started_at": 2000.0' in path.read_text()
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700


def test_a_room_can_not_lead_out_of_the_spool(tmp_path: Path) -> None:
    note = TapeNote("../../etc/passwd", 1, 0.0)
    tape = Tape.begin(tmp_path / "spool", note)
    assert tape.path.parent == tmp_path / "spool"
    tape.finish(None)
