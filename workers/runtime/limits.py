"""What a host takes on: what its settings say, else what its machine can bear."""

from __future__ import annotations

import os

import psutil

from agents.capacity import Limits, Usage
from common.settings import Settings

CALLS_OF_A_CORE = 12
BYTES_OF_A_CALL = 100 * 2**20


def limits(settings: Settings) -> Limits:
    """The limits of this host."""
    # Not all of the machine's, where the process may not use them all.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    bearable = min(cores * CALLS_OF_A_CORE, psutil.virtual_memory().total // BYTES_OF_A_CALL)
    return Limits(
        calls=settings.bionic_max_calls or max(1, bearable),
        cpu=settings.bionic_max_cpu,
        memory=settings.bionic_max_memory,
    )


def usage() -> Usage:
    """How busy this machine is; the CPU since this was asked last."""
    return Usage(psutil.cpu_percent(interval=None) / 100, psutil.virtual_memory().percent / 100)
