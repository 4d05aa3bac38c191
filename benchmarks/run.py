"""A run: the chosen figures, one after the other, within a bound."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence

import aiohttp
from livekit import api, rtc
from rich.console import Console
from rich.status import Status
from rich.text import Text

from benchmarks import (
    burst,
    calls,
    deploy,
    events,
    join,
    lost_agents,
    memory,
    recovery,
    redeploys,
    stats,
    thousand,
    turns,
)
from benchmarks.measure import Result
from benchmarks.registrations import NotRegistered
from benchmarks.scale import Scale, Tell
from stack.config import StackConfig, StackError
from stack.prepare import prepare_servers
from stack.progress import Progress

Figure = Callable[[Scale, Tell], Awaitable[list[Result]]]

FIGURES: dict[str, Figure] = {
    "deploy": deploy.measure,
    "memory": memory.measure,
    "burst": burst.measure,
    "join": join.measure,
    "recovery": recovery.measure,
    "lost-agents": lost_agents.measure,
    "redeploys": redeploys.measure,
    "events": events.measure,
    "thousand": thousand.measure,
    "calls": calls.measure,
    "turns": turns.measure,
    "stats": stats.measure,
}
MAX_SECONDS = 3600.0
"""A whole run, without the building of servers."""

RECOVERABLE = (StackError, NotRegistered, OSError, aiohttp.ClientError, api.TwirpError, rtc.ConnectError)
"""What may go wrong with one figure while the others can still be measured. A timeout is an OSError."""


class Incomplete(Exception):
    """Some figures could not be measured."""

    def __init__(self, results: list[Result], problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.results = results


async def run(names: Sequence[str], scale: Scale, console: Console) -> list[Result]:
    """Measure. Raises `Incomplete`, with what was measured, when a figure failed or time was up."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    await prepare_servers(StackConfig(), Progress(console))
    results: list[Result] = []
    problems: list[str] = []
    until = time.monotonic() + MAX_SECONDS
    for name in names:
        began = time.monotonic()
        try:
            async with asyncio.timeout(until - began) as bound:
                with console.status(name) as status:
                    results += await FIGURES[name](scale, _teller(status, name))
        except RECOVERABLE as error:
            late = f"not done within the {MAX_SECONDS:.0f} s of a run"
            problems.append(f"{name}: {late if bound.expired() else str(error) or type(error).__name__}")
        console.print(Text(f"{name} took {time.monotonic() - began:.0f} s", style="dim"))
    if problems:
        raise Incomplete(results, problems)
    return results


def _teller(status: Status, name: str) -> Tell:
    return lambda words: status.update(Text(f"{name}: {words}"))
