"""Job processes that begin well or badly, as a file says at that moment."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from livekit.agents import JobContext, JobProcess

from agents.call_job import CallJob

WELL = "well"
SLOW = "slow"
"""Takes longer than anybody waits, as the loading of a model from a disk that hangs would."""
DIES = "dies"
"""As native code does that does not fit the machine, when it is imported."""
RAISES = "raises"
"""As Python does, when something is not installed."""

BADLY = (SLOW, DIES, RAISES)


def make_ready(orders: str, then: Callable[[JobProcess], Any], process: JobProcess) -> None:
    """Do what the file `orders` says, and `then` if it says nothing bad."""
    match Path(orders).read_text():
        case "slow":
            time.sleep(3600)
        case "dies":
            os._exit(7)
        case "raises":
            raise ImportError("No module named 'what_is_needed'")
    then(process)


def nothing(_: JobProcess) -> None:
    """Is ready at once."""


async def hold(ctx: JobContext) -> None:
    """A call without a room: it goes on until its caller hangs up, by making a file."""
    CallJob.take_out_of(ctx.job)
    async with asyncio.timeout(300):
        while not await asyncio.to_thread(Path(ctx.job.metadata).exists):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.05)
    ctx.shutdown("the caller left")
