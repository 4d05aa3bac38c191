"""Fault 12: job processes that take too long to begin or die at it harm no call but those that need them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
from livekit.agents.job import JobAcceptArguments, RunningJobInfo
from livekit.protocol.agent import Job

from agents import jobs
from agents.jobs import LAUNCH_PATIENCE, START_PATIENCE, JobPool
from agents.spares import MANY_FAILURES
from agents.warm import CallsCannotBegin
from tests.agents.test_jobs import CALL
from tests.support import beginning
from tests.support.beginning import BADLY, WELL
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

INITIALIZE_SECONDS = 2.0
SPARE = 2

MANY = MANY_FAILURES + 2 * SPARE
"""Processes that may be begun within seconds though all fail; without a wait it would be twenty a second."""


class Host:
    """A pool of real processes, and what was heard of it."""

    def __init__(self, folder: Path) -> None:
        self.orders, self.hung_up = folder / "orders", folder / "hung-up"
        self.begun = 0
        self.can_begin = True
        self.pool = JobPool(500, SPARE, INITIALIZE_SECONDS, self._hears)
        self.pool._pool.on("process_created", self._counts)

    def _hears(self, can_begin: bool) -> None:
        self.can_begin = can_begin

    def _counts(self, _: object) -> None:
        self.begun += 1

    async def call(self, job_id: str) -> asyncio.Future[bool]:
        """A call that goes on until all hang up; its future tells whether it ended well."""
        over: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        accept = JobAcceptArguments(name="shop", identity="agent", metadata="")
        job = Job(id=job_id, metadata=str(self.hung_up))
        info = RunningJobInfo(accept, job, "ws://127.0.0.1:9", "token", "AW", fake_job=False)
        await self.pool.launch(info, CALL, over.set_result)
        return over

    @property
    def spares(self) -> int:
        """Processes that wait for a call."""
        return self.pool._pool._warmed_proc_queue.qsize()

    async def lose_spares(self) -> None:
        """Kill them."""
        await _is(lambda: self.spares == SPARE, "spare processes")
        for each in self.pool._pool.processes:
            if each.running_job is None:
                each._proc.kill()  # type: ignore[attr-defined]
        await _is(lambda: self.spares == 0, "their end")


@pytest.fixture
async def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forkserver: None) -> AsyncIterator[Host]:
    make_ready = partial(beginning.make_ready, str(tmp_path / "orders"), beginning.nothing)
    monkeypatch.setattr(jobs, "make_ready", make_ready)
    monkeypatch.setattr(jobs, "hold_call", beginning.hold)
    host = Host(tmp_path)
    host.orders.write_text(WELL)
    yield host
    host.orders.write_text(WELL)
    host.hung_up.touch()
    await host.pool.close()


async def _is(look: Callable[[], bool], what: str, seconds: float = 30) -> None:
    async def _look() -> bool:
        return look()

    await eventually(_look, what, seconds=seconds)


@pytest.mark.parametrize("badly", BADLY)
async def test_a_process_that_does_not_begin_harms_no_other_call(host: Host, badly: str) -> None:
    await host.pool.start()
    beside = await host.call("beside")
    await _is(lambda: host.spares == SPARE, "spare processes")
    host.orders.write_text(badly)
    host.begun = 0
    await host.lose_spares()

    began = asyncio.get_running_loop().time()
    with pytest.raises(Exception, match=r"^$|no process became available"):
        await host.call("lost")
    took = asyncio.get_running_loop().time() - began
    assert took < LAUNCH_PATIENCE * INITIALIZE_SECONDS + 1, "the caller's loss is known soon"
    await _is(lambda: not host.can_begin, "that no call can begin")
    assert host.begun <= MANY, "it is tried less and less often"
    assert not beside.done()

    host.orders.write_text(WELL)
    await _is(lambda: host.can_begin, "that calls can begin again")
    later = await host.call("later")
    assert not beside.done()
    host.hung_up.touch()
    assert all(await asyncio.wait_for(asyncio.gather(beside, later), 20))


async def test_a_host_without_any_process_is_not_ready(host: Host) -> None:
    host.orders.write_text(beginning.DIES)
    with pytest.raises(CallsCannotBegin, match="job processes died or took too long"):
        await asyncio.wait_for(host.pool.start(), (START_PATIENCE + 2) * INITIALIZE_SECONDS + 1)
    assert SPARE <= host.begun <= 2 * MANY


async def test_a_host_whose_first_processes_took_too_long_is_ready_with_the_next(host: Host) -> None:
    host.orders.write_text(beginning.SLOW)
    starting = asyncio.create_task(host.pool.start())
    await _is(lambda: host.begun > SPARE, "a second try")
    host.orders.write_text(WELL)
    await asyncio.wait_for(starting, 20)
    over = await host.call("first")
    host.hung_up.touch()
    assert await asyncio.wait_for(over, 20)
