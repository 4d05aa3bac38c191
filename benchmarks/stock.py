"""The stock worker: started as its user would start it, watched from outside, always ended."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.registrations import NotRegistered
from benchmarks.sample import STOCK_NAME
from stack.config import PROJECT, StackError, is_setting
from stack.ports import free_ports
from stack.process import ChildProcess

_SCRIPT = Path(__file__).with_name("stock_agent.py")
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Stock:
    """A worker that was started."""

    bench: Bench
    pid: int
    started: float
    """Just before its process was, in seconds since the epoch."""

    said: deque[str]
    """Its last lines."""

    async def registered(self) -> float:
        """Seconds from the start of the process until LiveKit had it registered."""
        registrations = self.bench.registrations
        try:
            times = await registrations.wait([STOCK_NAME], after=self.started, seconds=_START_SECONDS)
        except NotRegistered as error:
            raise StackError("\n".join([f"The stock worker: {error}", *self.said])) from None
        return times[STOCK_NAME] - self.started


def environment(bench: Bench) -> dict[str, str]:
    """What the worker finds: where LiveKit is, and compiled modules just as our own processes have them."""
    inherited = {name: value for name, value in os.environ.items() if not is_setting(name)}
    if inherited.pop("PYTHONDONTWRITEBYTECODE", None):
        inherited.setdefault("PYTHONPYCACHEPREFIX", str(PROJECT / ".bionic" / "pycache"))
    return {
        **inherited,
        "PYTHONUNBUFFERED": "1",
        "LIVEKIT_URL": bench.stack.livekit_url,
        "LIVEKIT_API_KEY": bench.stack.livekit_api_key,
        "LIVEKIT_API_SECRET": bench.stack.livekit_api_secret,
        "STOCK_HEALTH_PORT": str(free_ports().api),
    }


@asynccontextmanager
async def stock_worker(bench: Bench) -> AsyncIterator[Stock]:
    """Started at once and ended with the block, with every process of it."""
    said: deque[str] = deque(maxlen=20)
    command = (sys.executable, str(_SCRIPT), "start")
    env = environment(bench)
    started = time.time()
    child = await ChildProcess.spawn(command, env=env, cwd=PROJECT, on_line=said.append)
    try:
        yield Stock(bench, child.pid, started, said)
    finally:
        await child.stop(signal.SIGTERM, _STOP_SECONDS)
        await child.close()
