"""Runtime hosts beside the one that the stack keeps: nobody restarts them."""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.bench import Bench
from stack.config import PROJECT, Service, StackError
from stack.process import ChildProcess

_UP_SECONDS = 60.0
_STOP_SECONDS = 10.0


@asynccontextmanager
async def lone_host(bench: Bench) -> AsyncIterator[ChildProcess]:
    """A host of a name of its own that takes agents; ended with the block, if it is still there."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    spec = bench.stack.service(Service.RUNTIME).spec
    said: deque[str] = deque(maxlen=20)
    env = {**spec.env, "BIONIC_HOST_NAME": name}
    child = await ChildProcess.spawn(spec.command, env=env, cwd=PROJECT, on_line=said.append)
    try:
        try:
            async with asyncio.timeout(_UP_SECONDS):
                while not await bench.host_is_up(name):  # noqa: ASYNC110 - the API sends no event
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise StackError("\n".join([f"Host {name} is not up after {_UP_SECONDS:g} s", *said])) from None
        yield child
    finally:
        await child.stop(signal.SIGTERM, _STOP_SECONDS)
        await child.close()
