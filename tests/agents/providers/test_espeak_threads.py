"""The API checks configs on several threads: the C library must be started by one of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit

PROGRAM = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from agents.providers.offline.espeak import espeak

together = Barrier(8)

def check(_):
    together.wait()
    engine = espeak()
    engine.check_voice("en")
    return id(engine)

with ThreadPoolExecutor(8) as pool:
    print(len(set(pool.map(check, range(8)))))
"""


def test_eight_threads_share_one_engine() -> None:
    """In a process of its own, for only the first use counts; a crash would be its exit code."""
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr
