"""Calls whose process takes ever more memory, from the moment when a file is there."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from livekit.agents import JobContext

from agents.call_job import CallJob
from agents.dispatch import Dispatch

PIECE_MB = 20
MOST_MB = 2000
"""Nobody's machine shall die of it."""


async def hold(order: str, then: Callable[[JobContext], Awaitable[None]], ctx: JobContext) -> None:
    """Hold a call, and leak when told to: the first agent of a call, not the one that comes instead."""
    call = CallJob.take_out_of(ctx.job)
    if not Dispatch.of(ctx.job.metadata).continues:
        threading.Thread(target=_leak, args=(Path(order),), daemon=True).start()
    call.put_into(ctx.job)
    await then(ctx)


def _leak(order: Path) -> None:
    while not order.exists():
        time.sleep(0.1)
    leaked = []
    for _ in range(MOST_MB // PIECE_MB):
        leaked.append(b"x" * (PIECE_MB << 20))
        time.sleep(0.05)
    time.sleep(3600)
