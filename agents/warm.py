"""Warms the forkserver when a host boots, so that even its very first call starts at once."""

from __future__ import annotations

import multiprocessing
import os
import time

from agents.hosting import PRELOAD


def _nothing() -> None:
    """What the trial process does."""


def warm_forkserver(timeout: float = 60.0) -> float:
    """Start the forkserver with everything preloaded and fork one trial process; returns the seconds.

    The list is the one that livekit-agents asks for later; the first to ask wins. Its freeze comes last.
    """
    started = time.monotonic()
    # By default LiveKit's preload loads a turn detector that no agent of ours uses: 244 MB, and a fork takes
    # the longer the more memory it has to map. The voice activity model is in our preload.
    os.environ["LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE"] = "0"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [*PRELOAD, "livekit.agents.ipc._preload", "livekit.agents.ipc._preload_freeze"]
    )
    trial = context.Process(target=_nothing, name="warm-up")
    trial.start()
    trial.join(timeout)
    if trial.exitcode != 0:
        raise RuntimeError(f"job processes can't be forked: the trial ended with {trial.exitcode}")
    return time.monotonic() - started
