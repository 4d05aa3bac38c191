"""A call that leaks is ended before it takes its neighbours with it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from livekit.agents.ipc import supervised_proc
from livekit.agents.job import JobAcceptArguments, RunningJobInfo
from livekit.protocol.agent import Job

from agents import jobs
from agents.jobs import JobPool
from tests.agents import leaking
from tests.agents.test_jobs import CALL

pytestmark = pytest.mark.integration


def _job(job_id: str, metadata: str) -> RunningJobInfo:
    accept = JobAcceptArguments(name="shop", identity="agent", metadata="")
    job = Job(id=job_id, metadata=metadata)
    return RunningJobInfo(accept, job, "ws://127.0.0.1:9", "token", "AW", fake_job=False)


@pytest.mark.usefixtures("forkserver")
async def test_a_call_that_leaks_is_killed_and_the_one_beside_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "hold_call", leaking.hold)
    monkeypatch.setattr(jobs, "make_ready", leaking.nothing_to_prepare)
    monkeypatch.setattr(supervised_proc, "_MEMORY_MONITOR_INTERVAL", 0.1)

    pool = JobPool(memory_mb=leaking.LEAK_MB * 0.75, spare=0)
    await pool.start()
    neighbour, leaks = (asyncio.get_running_loop().create_future() for _ in range(2))
    try:
        await pool.launch(_job("neighbour", str(tmp_path / "hung-up")), CALL, neighbour.set_result)
        await pool.launch(_job("leaks", leaking.LEAK), CALL, leaks.set_result)
        assert await asyncio.wait_for(leaks, 20) is False, "LiveKit is told that the job failed"
        assert not neighbour.done()
        (tmp_path / "hung-up").touch()
        assert await asyncio.wait_for(neighbour, 20) is True
    finally:
        await pool.close()
