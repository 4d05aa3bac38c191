"""The stock worker: started as its user would start it, watched from outside, always ended."""

from __future__ import annotations

import asyncio
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
RESTART_SECONDS = 0.1
"""systemd's default `RestartSec`: between the end of a service and its next start."""


@dataclass(frozen=True)
class Stock:
    """A worker that was started."""

    bench: Bench
    child: ChildProcess
    started: float
    """Just before its process was, in seconds since the epoch."""

    said: deque[str]
    """Its last lines."""

    @classmethod
    async def start(cls, bench: Bench) -> Stock:
        """Start its process; whoever does that ends it."""
        said: deque[str] = deque(maxlen=20)
        command = (sys.executable, str(_SCRIPT), "start")
        env = environment(bench)
        started = time.time()
        child = await ChildProcess.spawn(command, env=env, cwd=PROJECT, on_line=said.append)
        return cls(bench, child, started, said)

    @property
    def pid(self) -> int:
        """Of its main process."""
        return self.child.pid

    async def registered(self, after: float | None = None) -> float:
        """Seconds from the start of the process, or from `after`, until LiveKit had it registered."""
        since = self.started if after is None else after
        registrations = self.bench.registrations
        try:
            times = await registrations.wait([STOCK_NAME], after=since, seconds=_START_SECONDS)
        except NotRegistered as error:
            raise StackError("\n".join([f"The stock worker: {error}", *self.said])) from None
        return times[STOCK_NAME] - since

    async def stop(self, seconds: float) -> None:
        """Ask it to end, and kill it when it has not within `seconds`; in any case what it left."""
        await self.child.stop(signal.SIGTERM, seconds)
        self.child.kill_group()

    async def end(self, seconds: float = _STOP_SECONDS) -> None:
        """Stop it, and wait until every process of it is gone; harmless when it was stopped."""
        await self.stop(seconds)
        await self.child.close()


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
    stock = await Stock.start(bench)
    try:
        yield stock
    finally:
        await stock.end()


class KeptStock:
    """A worker that is started again whenever it ends, as systemd does with `Restart=always`."""

    def __init__(self, first: Stock) -> None:
        self.now = first
        self._dead: list[Stock] = []
        self._keeper = asyncio.create_task(self._keep(), name="keep the stock worker")

    async def _keep(self) -> None:
        while True:
            await self.now.child.wait()
            self.now.child.kill_group()  # systemd ends what is left of the service as well
            self._dead.append(self.now)
            await asyncio.sleep(RESTART_SECONDS)
            self.now = await Stock.start(self.now.bench)

    async def close(self) -> None:
        """End it for good."""
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)
        for stock in [*self._dead, self.now]:
            await stock.end()


@asynccontextmanager
async def kept_stock(bench: Bench) -> AsyncIterator[KeptStock]:
    """Started at once, kept running during the block, ended with it."""
    kept = KeptStock(await Stock.start(bench))
    try:
        yield kept
    finally:
        await kept.close()
