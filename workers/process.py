"""What every worker process does alike: connect, run until told to stop, stop in order."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from common.errors import BionicError
from common.heap import settle_heap
from common.logs import set_up_logs
from common.settings import Settings

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 60.0

POLLERS = PollerBehaviorAutoscaling(minimum=4, maximum=64, initial=16)
"""With a fixed number, one in five waits for new workflows: agents deployed at once stood in line for it."""


async def connect(settings: Settings) -> Client:
    """A client of Temporal; waits up to `CONNECT_SECONDS` for a server that is still starting.

    Raises:
        TimeoutError: Temporal did not answer.
    """
    waited = False
    async with asyncio.timeout(CONNECT_SECONDS):
        while True:
            try:
                return await Client.connect(settings.temporal_address, namespace=settings.temporal_namespace)
            except RuntimeError as error:
                if not waited:
                    logger.info("waiting for Temporal at %s: %s", settings.temporal_address, error)
                waited = True
                await asyncio.sleep(0.25)


def run_process(
    main: Coroutine[Any, Any, None],
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> None:
    """A worker process from its start to its end."""
    set_up_logs()
    settle_heap()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        try:
            runner.run(main)
        except BionicError as error:
            logger.critical(error.message)
            sys.exit(1)


def stop_requested() -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, event.set)
    return event


@asynccontextmanager
async def running(*workers: Worker) -> AsyncIterator[asyncio.Future[list[None]]]:
    """Run workers during the block; on leaving it, shut them down one after the other, first to last.

    The future it gives is done when a worker ends by itself, with its error.
    """
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    together = asyncio.gather(*tasks)
    try:
        yield together
    finally:
        for worker, task in zip(workers, tasks, strict=True):
            if not task.done():
                await worker.shutdown()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run_until_stopped(stop: asyncio.Event, *ended: asyncio.Future[Any]) -> None:
    """Wait for the order to stop; raises when one of those ended without it."""
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([waiting, *ended], return_when=asyncio.FIRST_COMPLETED)
        for end in ended:
            if end.done():
                end.result()
    finally:
        waiting.cancel()
