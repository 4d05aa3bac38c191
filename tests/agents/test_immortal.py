"""Memory that a process inherits stays shared, however often its objects are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit

HAS_IMMORTALS = sys.version_info >= (3, 12)

FORKS = """
import os

class Thing:
    def __init__(self, number):
        self.word = f"the {number}th"

things = [Thing(number) for number in range(100_000)]

def own_mb():
    with open("/proc/self/smaps_rollup") as rollup:
        return sum(int(line.split()[1]) for line in rollup if line.startswith("Private_Dirty")) / 1000

HOW
if os.fork() == 0:
    before = own_mb()
    for thing in things:
        word = thing.word
    print(own_mb() - before, flush=True)
    os._exit(0)
os.wait()
"""

COUNTS = """
import sys
from types import SimpleNamespace

def function():
    return lambda: "a constant"

old = SimpleNamespace(function=function, within=function.__code__.co_consts, words=["a %s" % "word"])

from agents.immortal import immortalize
immortalize()

def changes(thing):
    before = sys.getrefcount(thing)
    references = [thing] * 1000
    return sys.getrefcount(thing) != before

inherited = [old, old.function, function.__code__, old.words, old.words[0], *old.within[1:], type(old)]
print(any(map(changes, inherited)), changes(object()), function()())
"""


def _run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.skipif(not HAS_IMMORTALS, reason="this Python has no immortal objects")
def test_what_was_there_is_not_counted_and_what_is_new_is() -> None:
    assert _run(COUNTS) == "False True a constant"


@pytest.mark.skipif(HAS_IMMORTALS, reason="this Python has immortal objects")
def test_where_nothing_is_immortal_nothing_is_touched() -> None:
    assert _run(COUNTS) == "True True a constant"
    assert _run("import agents.immortal; print(agents.immortal.immortalize())") == "False"


@pytest.mark.skipif(sys.platform != "linux", reason="it needs /proc")
@pytest.mark.skipif(not HAS_IMMORTALS, reason="this Python has no immortal objects")
def test_a_fork_that_uses_what_it_inherits_copies_little_of_it() -> None:
    copied = float(_run(FORKS.replace("HOW", "pass")))
    shared = float(_run(FORKS.replace("HOW", "from agents.immortal import immortalize; immortalize()")))
    assert shared < copied / 20, (shared, copied)
