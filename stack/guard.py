"""The last one out: kills what a supervisor left when it died without a word.

It runs as a child of the supervisor, in its own session, and reads lines from a pipe: ``+<group>`` for each
process group that was started, ``-<group>`` for each that ended. The pipe closes when the supervisor is gone,
for whatever reason; groups that are still listed then get a moment to end by themselves and are killed.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

MERCY_SECONDS = 5.0
"""Time between the supervisor's death and SIGKILL: Postgres and the job processes end by themselves in it."""


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _signal(groups: set[int], number: signal.Signals) -> None:
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def main() -> None:
    """Watches standard input until it closes."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        word = line.strip()
        if word.startswith("+"):
            groups.add(int(word[1:]))
        elif word.startswith("-"):
            groups.discard(int(word[1:]))
    if not groups:
        return
    _signal(groups, signal.SIGTERM)
    deadline = time.monotonic() + MERCY_SECONDS
    while time.monotonic() < deadline and any(_alive(group) for group in groups):
        time.sleep(0.05)
    _signal(groups, signal.SIGKILL)


if __name__ == "__main__":
    main()
