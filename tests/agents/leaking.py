"""What the job processes of `test_memory` do: this is imported there."""

from __future__ import annotations

import asyncio
from pathlib import Path

from livekit.agents import JobContext, JobProcess

from agents.call_job import CallJob
from tests.support.waiting import eventually

LEAK = "leak"
LEAK_MB = 400


def nothing_to_prepare(_: JobProcess) -> None:
    """Needs no model."""


async def hold(ctx: JobContext) -> None:
    """A call that leaks, or goes on until its caller hangs up: a file appears."""
    CallJob.take_out_of(ctx.job)
    if ctx.job.metadata == LEAK:
        leaked = b"x" * (LEAK_MB << 20)
        await asyncio.Event().wait()
        del leaked

    async def hung_up() -> bool:
        return await asyncio.to_thread(Path(ctx.job.metadata).exists)

    await eventually(hung_up, "the end of the call")
    ctx.shutdown("the caller left")
