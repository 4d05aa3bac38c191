"""Warms the forkserver when a host boots, so that even its very first call starts at once."""

from __future__ import annotations

import os
import time
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext

from agents.forked import job_context
from common.errors import Unavailable
from common.huge_pages import forgo_huge_pages

PRELOAD = [
    "agents.preload_begin",
    "agents.preload",
    "livekit.agents.ipc._preload",
    "agents.preload_end",
    # It must come last: what is loaded by then is kept out of garbage collection, so that processes share it.
    "livekit.agents.ipc._preload_freeze",
]


class CallsCannotBegin(Unavailable):
    """No job process begins on this host; another one may do better."""


def _nothing() -> None:
    """What the trial process does."""


def start_forkserver() -> None:
    """Have the forkserver import everything while this process still imports what it needs itself.

    A host is back two seconds sooner for it. This module must stay light: it is what comes first.
    """
    # By default LiveKit's preload loads a turn detector that no agent of ours uses: 244 MB, and a fork takes
    # the longer the more memory it has to map. The voice activity model is in our preload.
    os.environ["LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE"] = "0"
    forgo_huge_pages()
    if isinstance(context := job_context(), ForkServerContext):
        context.set_forkserver_preload(PRELOAD)
        forkserver.ensure_running()


def warm_forkserver(timeout: float = 60.0) -> float:
    """Start one trial process, and the forkserver if that does not run yet; returns the seconds.

    Raises:
        CallsCannotBegin: it did not run.
    """
    started = time.monotonic()
    start_forkserver()
    context = job_context()
    trial = context.Process(target=_nothing, name="warm-up")
    trial.start()
    trial.join(timeout)
    if trial.exitcode != 0:
        raise CallsCannotBegin(f"Job processes can't be forked: the trial ended with {trial.exitcode}.")
    return time.monotonic() - started
