"""Whether the job processes of a host begin, and how soon it is tried again when they do not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from livekit.agents.ipc.job_executor import JobExecutor
from livekit.agents.ipc.proc_pool import ProcPool

from agents.warm import CallsCannotBegin

logger = logging.getLogger(__name__)

MANY_FAILURES = 4
"""Processes in a row that did not come to hold a call: no call can begin here."""

FIRST_WAIT, LONGEST_WAIT = 0.25, 10.0
"""Seconds until a process is begun again, doubled from failure to failure."""


class Spares:
    """Follows the processes that wait for a call, and holds the pool back while they die.

    The pool replaces what is gone ten times a second, for ever: processes that die as they begin would take a
    core from the calls beside them. For a call that waits it begins one all the same.
    """

    def __init__(self, pool: ProcPool, spare: int, tell: Callable[[bool], None]) -> None:
        """`tell` hears whether calls can begin, when that has changed."""
        self._pool, self._spare, self._tell = pool, spare, tell
        self._failures = 0
        self._next_try: asyncio.TimerHandle | None = None
        self._closed = False
        self._began = asyncio.Event()
        pool.on("process_ready", self._on_ready)
        pool.on("process_closed", self._on_closed)

    async def first(self, seconds: float) -> None:
        """Return when there is a process that waits for a call.

        Raises:
            CallsCannotBegin: there is none after `seconds`.
        """
        try:
            await asyncio.wait_for(self._began.wait(), seconds)
        except TimeoutError:
            raise CallsCannotBegin(
                f"No call can begin on this host: {self._failures} job processes died or took too long. "
                "Its log tells more."
            ) from None

    def _on_ready(self, _: JobExecutor) -> None:
        self._began.set()
        if self._failures >= MANY_FAILURES:
            logger.info("job processes begin again")
            self._tell(True)  # noqa: FBT003 - calls can begin
        self._failures = 0
        self._try_again()

    def _on_closed(self, executor: JobExecutor) -> None:
        if executor.running_job is not None or self._closed:
            return
        self._failures += 1
        wait = min(FIRST_WAIT * 2 ** (self._failures - 1), LONGEST_WAIT)
        logger.warning("a job process was gone before it had a call", extra={"wait_s": wait})
        self._forget_the_next_try()
        self._pool.set_target_idle_processes(0)
        self._next_try = asyncio.get_running_loop().call_later(wait, self._try_again)
        if self._failures == MANY_FAILURES:
            logger.error("no call can begin on this host: its job processes die or take too long")
            self._tell(False)  # noqa: FBT003 - no call can begin

    def _try_again(self) -> None:
        self._forget_the_next_try()
        self._pool.set_target_idle_processes(self._spare)

    def _forget_the_next_try(self) -> None:
        if self._next_try:
            self._next_try.cancel()
            self._next_try = None

    def close(self) -> None:
        """The pool is about to end all of its processes."""
        self._closed = True
        self._forget_the_next_try()
