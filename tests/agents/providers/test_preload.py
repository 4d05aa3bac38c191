"""What the forkserver loads must work in every job that it forks."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit

# In a process of its own, as the forkserver is: no thread of the test runner, nothing loaded before.
_FORKSERVER = """
import os, sys, time
import agents.providers.preload
from agents.providers.offline.grammar import Grammar
from agents.providers.offline.recogniser import POOL
from agents.providers.offline.wav import synthesize_pcm
import threading
assert threading.active_count() == 1, threading.enumerate()
phrases = [["where is my order", "goodbye"], ["talk to a human", "where is my order"]]
said = ["goodbye", "talk to a human"]
pids = []
for grammar, phrase in zip(phrases, said):
    pid = os.fork()
    if pid:
        pids.append(pid)
        continue
    started = time.perf_counter()
    ears = POOL.take(dictation=False)
    ears.use(Grammar.of(grammar))
    ready = time.perf_counter() - started
    audio = bytes(9600) + synthesize_pcm(phrase, sample_rate=16000) + bytes(9600)
    ok = ready < 0.1
    for _ in range(20):
        ears.start()
        ears.feed(audio)
        heard = ears.finish()
        ok = ok and heard is not None and heard.text == phrase
    print(f"ready in {ready * 1000:.1f} ms", flush=True)
    os._exit(0 if ok else 1)
sys.exit(any(os.waitpid(pid, 0)[1] for pid in pids))
"""


def test_two_jobs_hear_at_once_with_the_recogniser_they_were_born_with() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FORKSERVER], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ready in") == 2
    assert "failed" not in done.stderr


def test_preloading_never_raises() -> None:
    code = (
        "import sys; sys.modules['pocketsphinx'] = None\n"
        "import agents.providers.preload\n"
        "from agents.providers.offline.espeak import espeak; espeak()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert "preloading recogniser failed" in done.stderr
