"""Calls that shall end, whatever state their process is in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

import pytest
from livekit.agents.ipc.job_executor import JobStatus
from livekit.agents.ipc.job_proc_executor import ProcJobExecutor
from livekit.agents.job import RunningJobInfo
from livekit.protocol.agent import Job

from agents.call_job import CallJob
from agents.jobs import JobPool

pytestmark = pytest.mark.unit

CALL = CallJob(UUID(int=1), "shop", 3, {}, {}, "postgresql://nowhere/db")


class FakeProcess(ProcJobExecutor):
    """A process that ends when asked to, unless it is stubborn."""

    def __init__(self, info: RunningJobInfo, closed: Callable[[FakeProcess], None]) -> None:
        self._running_job = info
        self._job_status = JobStatus.RUNNING
        self.closed = closed
        self.stubborn = False
        self.killed_by_us = False

    def logging_extra(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    async def aclose(self) -> None:
        """End in peace."""
        if self.stubborn:
            await asyncio.Event().wait()
        self.closed(self)

    async def kill(self) -> None:
        """End."""
        self.killed_by_us = True
        self.closed(self)


class FakeProcPool:
    """Launches when told to."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.free.set()
        self.running: dict[str, FakeProcess] = {}
        self.on_closed: Callable[[FakeProcess], None] = lambda _: None
        self.stillborn = False

    async def launch_job(self, info: RunningJobInfo) -> None:
        """Wait for a process, and give it the job."""
        await self.free.wait()
        if not self.stillborn:
            self.running[info.job.id] = FakeProcess(info, self.gone)

    def gone(self, process: FakeProcess) -> None:
        """As livekit-agents does when a process is gone."""
        assert process.running_job
        self.on_closed(process)
        del self.running[process.running_job.job.id]

    def get_by_job_id(self, job_id: str) -> FakeProcess | None:
        """The process with a job."""
        return self.running.get(job_id)


@pytest.fixture
async def pool() -> tuple[JobPool, FakeProcPool]:
    pool, fake = JobPool(memory_mb=500), FakeProcPool()
    pool._pool = cast("Any", fake)
    fake.on_closed = pool._on_closed
    return pool, fake


def _job(job_id: str) -> RunningJobInfo:
    return RunningJobInfo(cast("Any", None), Job(id=job_id), "ws://x", "token", "AW", fake_job=False)


async def test_a_call_without_a_process_yet_is_ended_once_it_has_one(
    pool: tuple[JobPool, FakeProcPool],
) -> None:
    jobs_of_host, processes = pool
    processes.free.clear()
    ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    launch = asyncio.create_task(jobs_of_host.launch(_job("J1"), CALL, ended.set_result))
    await asyncio.sleep(0)
    jobs_of_host.end("J1")
    processes.free.set()
    await launch
    assert await asyncio.wait_for(ended, 5) is False
    assert processes.running == {}


async def test_a_process_that_is_gone_before_it_is_noticed_is_told_of(
    pool: tuple[JobPool, FakeProcPool],
) -> None:
    jobs_of_host, processes = pool
    processes.stillborn = True
    told: list[bool] = []
    await jobs_of_host.launch(_job("J1"), CALL, told.append)
    assert told == [False]


async def test_a_call_that_does_not_end_in_time_is_killed(pool: tuple[JobPool, FakeProcPool]) -> None:
    jobs_of_host, processes = pool
    ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    await jobs_of_host.launch(_job("J1"), CALL, ended.set_result)
    process = processes.running["J1"]
    process.stubborn = True
    jobs_of_host.end("J1", patience=0.05)
    await asyncio.wait_for(ended, 5)
    assert process.killed_by_us
