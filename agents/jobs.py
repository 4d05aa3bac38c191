"""The job processes of a host: every call has one of its own, and a few wait for the next call.

They are shared by all agents of the host. What a call is about travels with its job, so that any waiting
process can hold any call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from livekit.agents.ipc.job_executor import JobExecutor, JobStatus
from livekit.agents.ipc.job_proc_executor import ProcJobExecutor
from livekit.agents.ipc.proc_pool import ProcPool
from livekit.agents.job import JobExecutorType, RunningJobInfo

from agents.call_job import CallJob
from agents.entry import end_call, hold_call, make_ready
from agents.forked import job_context
from agents.spares import Spares

logger = logging.getLogger(__name__)

SPARE = 2
"""Job processes that wait for a call. They share their memory with the forkserver: some 16 MB each."""

INITIALIZE_SECONDS = 10.0
"""How long a process may take until it can hold a call; then it is killed."""

LAUNCH_PATIENCE = 1.5
"""How long a call waits for a process, in units of the above: longer than one that begins with the call."""

START_PATIENCE = 5.0
"""How long a host waits for its very first process, in the same units, once its first few have had their
time."""

HUNG_SECONDS = 8.0
"""A process that does not answer for so long hangs: it is killed, and its caller gets another agent."""

CLOSE_SECONDS = 10.0
"""How long a call has to say goodbye when its host ends it; then its process is killed."""

RECORD_SECONDS = 100.0
"""The same where LiveKit says that it is over: nobody waits for it, and it may have to wait for Postgres with
what was said."""

Ended = Callable[[bool], None]
"""Told when a call's process is gone, and whether it ended well."""


class JobPool:
    """Starts job processes, hands them calls and tells when they are gone."""

    def __init__(
        self,
        memory_mb: float,
        spare: int = SPARE,
        initialize_seconds: float = INITIALIZE_SECONDS,
        can_begin: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """`memory_mb` is what one call may use: a process that uses more is killed, so that others live.

        `can_begin` hears whether calls can begin, when that has changed.
        """
        self._spare, self._initialize_seconds = spare, initialize_seconds
        self._pool = ProcPool(
            initialize_process_fnc=make_ready,
            job_entrypoint_fnc=hold_call,
            session_end_fnc=end_call,
            simulation_end_fnc=None,
            num_idle_processes=spare,
            initialize_timeout=initialize_seconds,
            close_timeout=RECORD_SECONDS,
            session_end_timeout=CLOSE_SECONDS,
            inference_executor=None,
            job_executor_type=JobExecutorType.PROCESS,
            mp_ctx=job_context(),
            memory_warn_mb=memory_mb / 2,
            memory_limit_mb=memory_mb,
            http_proxy=None,
            loop=asyncio.get_running_loop(),
        )
        self._listeners: dict[str, Ended] = {}
        self._unwanted: set[str] = set()
        """Jobs that shall end and have no process yet."""
        self._ending: set[asyncio.Task[None]] = set()
        self._pool.on("process_created", _be_impatient)
        self.closed = asyncio.Event()
        """Set when a call's process is gone; whoever looks at it clears it."""
        self._pool.on("process_closed", self._on_closed)
        self._spares = Spares(self._pool, spare, can_begin)

    async def start(self) -> None:
        """Return when the spare processes are there; one is enough, where others take long.

        Raises:
            CallsCannotBegin: there is none, though several had their time.
        """
        await self._pool.start()
        if self._spare:
            await self._spares.first(START_PATIENCE * self._initialize_seconds)

    async def launch(self, info: RunningJobInfo, call: CallJob, ended: Ended) -> None:
        """Hold a call in a process of its own; `ended` is told when that is gone.

        Raises:
            Exception: no process could be started for it, or none soon enough.
        """
        call.put_into(info.job)
        job_id = info.job.id
        try:
            # The pool itself gives up only after processes that it began at the same time failed together.
            async with asyncio.timeout(LAUNCH_PATIENCE * self._initialize_seconds):
                await self._pool.launch_job(info)
        except TimeoutError:
            if executor := self._pool.get_by_job_id(job_id):
                self._end(executor)  # it was about to be told
            raise
        finally:
            unwanted = job_id in self._unwanted
            self._unwanted.discard(job_id)
        if self._pool.get_by_job_id(job_id) is None:
            ended(False)  # noqa: FBT003 - it is gone already
            return
        self._listeners[job_id] = ended
        if unwanted:
            self.end(job_id)

    def end(self, job_id: str, patience: float = CLOSE_SECONDS) -> None:
        """Have a call end, now or as soon as it has a process; after `patience` seconds it is killed."""
        executor = self._pool.get_by_job_id(job_id)
        if executor is None or job_id not in self._listeners:
            self._unwanted.add(job_id)
            return
        self._end(executor, patience)

    def _end(self, executor: JobExecutor, patience: float = CLOSE_SECONDS) -> None:
        task = asyncio.create_task(_end(executor, patience), name="end of a job")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _on_closed(self, executor: JobExecutor) -> None:
        self.closed.set()
        job = executor.running_job
        ended = self._listeners.pop(job.job.id, None) if job else None
        if ended:
            ended(executor.status is JobStatus.SUCCESS)

    async def close(self) -> None:
        """End every process."""
        self._spares.close()
        await asyncio.gather(*self._ending, return_exceptions=True)
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._pool.aclose()
        except TimeoutError:
            logger.exception("job processes did not end in time and are killed")
            await asyncio.gather(*map(_kill, self._pool.processes))


def _be_impatient(executor: JobExecutor) -> None:
    """The pool would let a process hang for a minute, and has no setting for it."""
    assert isinstance(executor, ProcJobExecutor)
    executor._opts.ping_timeout = HUNG_SECONDS  # noqa: SLF001


async def _end(executor: JobExecutor, patience: float) -> None:
    try:
        async with asyncio.timeout(patience):
            await executor.aclose()
    except Exception:
        # Its own limits cover only a part of the way: a call that says goodbye for minutes would stay.
        logger.exception("a call did not end in time and is killed", extra=executor.logging_extra())
        await _kill(executor)


async def _kill(executor: JobExecutor) -> None:
    assert isinstance(executor, ProcJobExecutor)
    await executor.kill()
