"""The worker protocol, spoken with a LiveKit that does what the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast
from uuid import UUID, uuid4

import aiohttp
import pytest
from livekit.protocol import agent as lk

from agents.asking import Asked
from agents.call_job import CallJob
from agents.capacity import BUSIEST, LEAST_MARGIN, Capacity, Limits, Usage
from agents.dispatch import Dispatch
from agents.jobs import JobPool
from agents.offers import CallEnd, CallTaken
from agents.registration import Registration
from common.errors import LiveKitRefused, LiveKitUnreachable
from common.livekit import LiveKitCredentials
from tests.agents.fake_livekit import FakeLiveKit, FakePool, Heard
from tests.support.waiting import eventually

pytestmark = pytest.mark.unit

NEWS: list[None] = []
"""The times that something changed."""

CALL = CallJob(UUID(int=1), "shop", 3, {}, {}, "postgresql://nowhere/db")


def idle(calls: int = 4) -> Capacity:
    """Of a host that takes as many calls as that."""
    return Capacity(Limits(calls), lambda: Usage(cpu=0.0, memory=0.1))


@asynccontextmanager
async def registered(
    livekit: FakeLiveKit,
    pool: FakePool,
    capacity: Capacity | None = None,
    heard: Heard | None = None,
    takes_back: Callable[[], bool] | None = None,
    on_trial: Asked | None = None,
) -> AsyncIterator[tuple[Registration, asyncio.Task[None]]]:
    """A registration that runs for the block."""
    credentials = LiveKitCredentials(livekit.url, "key", "secret-of-at-least-thirty-two-bytes")
    async with aiohttp.ClientSession() as http:
        one = Registration(
            "shop@v3",
            CALL,
            credentials,
            cast("JobPool", pool),
            http,
            capacity or idle(),
            lambda: NEWS.append(None),
            heard or Heard(),
            on_trial=on_trial,
            takes_back=takes_back,
        )
        task = asyncio.create_task(one.run())
        try:
            await asyncio.wait(
                {task, asyncio.create_task(one.registered.wait())}, return_when="FIRST_COMPLETED"
            )
            yield one, task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_name_registers_and_tells_its_load(livekit: FakeLiveKit) -> None:
    capacity = idle()
    async with registered(livekit, FakePool(), capacity) as (one, _):
        assert (livekit.names, one.worker_id, one.connected) == (["shop@v3"], "AW_1", True)
        update = (await livekit.hears("update_worker")).update_worker
        assert (update.status, update.load) == (lk.WorkerStatus.WS_AVAILABLE, 0)
        capacity.hold("J0")
        await one.tell_load()
        load = (await livekit.hears("update_worker", 2)).update_worker.load
        assert load == pytest.approx(BUSIEST / 4)


async def test_a_host_takes_more_calls_than_its_limit_but_not_many_more(livekit: FakeLiveKit) -> None:
    capacity, pool = idle(calls=1), FakePool()
    most = 1 + LEAST_MARGIN
    async with registered(livekit, pool, capacity) as (one, _):
        for number in range(most):
            assert (await livekit.offers(f"J{number}")).available
            await livekit.assigns(f"J{number}")
        await livekit.hears("update_job", most)
        assert (capacity.calls, capacity.full, capacity.overfull) == (most, "calls", True)
        assert not (await livekit.offers("one-more")).available
        await one.tell_load()
        assert (await livekit.hears("update_worker", 2)).update_worker.status == lk.WorkerStatus.WS_FULL
        pool.over("J0", well=True)
        await livekit.hears("update_job", most + 1)
        await one.tell_load()
        again = (await livekit.hears("update_worker", 3)).update_worker
        assert again.status == lk.WorkerStatus.WS_AVAILABLE
        assert (await livekit.offers("late")).available
        await asyncio.wait_for(one.end_calls(), 5)
        assert capacity.calls == 0, "whatever became of each"


async def test_a_host_where_no_call_can_begin_leaves_calls_to_others(livekit: FakeLiveKit) -> None:
    capacity = idle()
    async with registered(livekit, FakePool(), capacity) as (one, _):
        await livekit.hears("update_worker")
        NEWS.clear()
        capacity.can_begin(False)
        assert not (await livekit.offers("J1")).available
        for count, status in enumerate([lk.WorkerStatus.WS_FULL, lk.WorkerStatus.WS_AVAILABLE], 2):
            await one.tell_load()
            await one.tell_load()
            assert (await livekit.hears("update_worker", 2 * count - 2)).update_worker.status == status
            assert len(NEWS) == count - 1, "its agent looks how it is, once"
            capacity.can_begin(True)
        assert (await livekit.offers("J2")).available


async def test_a_call_is_accepted_launched_and_told_of_to_its_end(livekit: FakeLiveKit) -> None:
    pool, heard = FakePool(), Heard()
    async with registered(livekit, pool, heard=heard) as (one, _):
        answer = await livekit.offers("J1")
        assert (answer.available, answer.participant_name) == (True, "shop")
        assert answer.participant_identity == "agent-J1"
        assert answer.participant_attributes == {"bionic.attempt": "1"}
        await livekit.assigns("J1")
        assert (await livekit.hears("update_job")).update_job.status == lk.JobStatus.JS_RUNNING
        info, call, _ended = pool.launched["J1"]
        assert (info.token, info.url, info.worker_id, call) == ("the-token", livekit.url, "AW_1", CALL)
        assert 0 < info.received_at <= info.accepted_at <= info.assigned_at
        assert (one.active_calls, one.calls_taken) == (1, 1)
        assert heard.calls == [CallTaken("room", None, "J1")]
        pool.over("J1", well=False)
        assert heard.ends == [CallEnd("room", None, crashed=True, job_id="J1")]
        assert (await livekit.hears("update_job", 2)).update_job.status == lk.JobStatus.JS_FAILED
        assert (one.active_calls, one.calls_taken) == (0, 1)


async def test_a_host_that_brought_nobody_leaves_the_next_try_to_others(livekit: FakeLiveKit) -> None:
    """Whatever name of it the job before came by."""
    capacity, elsewhere = idle(), Dispatch(uuid4(), 2, elsewhere=True).metadata()
    async with registered(livekit, FakePool(), capacity):
        assert (await livekit.offers("J1", elsewhere)).available
        capacity.release("J1")
        capacity.hold("by another name", "room")
        assert not (await livekit.offers("J2", elsewhere)).available
        assert (await livekit.offers("J3", Dispatch(uuid4(), 3).metadata())).available


async def test_a_call_for_which_there_is_no_process_has_failed(livekit: FakeLiveKit) -> None:
    pool = FakePool()
    pool.broken = True
    async with registered(livekit, pool) as (one, _):
        await livekit.offers("J1")
        await livekit.assigns("J1")
        assert (await livekit.hears("update_job")).update_job.status == lk.JobStatus.JS_FAILED
        assert one.active_calls == 0


async def test_livekit_can_end_a_call_of_this_name_only(livekit: FakeLiveKit) -> None:
    pool = FakePool()
    async with registered(livekit, pool):
        await livekit.offers("J1")
        await livekit.assigns("J1")
        await livekit.hears("update_job")
        await livekit.say(termination=lk.JobTermination(job_id="somebody-else's"))
        await livekit.say(termination=lk.JobTermination(job_id="J1"))
        assert (await livekit.hears("update_job", 2)).update_job.status == lk.JobStatus.JS_SUCCESS
        assert pool.ended == ["J1"]


async def test_a_livekit_that_takes_and_drops_is_given_up(livekit: FakeLiveKit) -> None:
    livekit.drops = True
    async with registered(livekit, FakePool()) as (_, task):
        with pytest.raises(LiveKitUnreachable, match="closed the connection"):
            await asyncio.wait_for(task, 5)
        assert len(livekit.names) == 5


async def test_a_lost_connection_is_made_again_and_says_which_calls_go_on(livekit: FakeLiveKit) -> None:
    pool = FakePool()
    async with registered(livekit, pool) as (one, task):
        await livekit.offers("J1")
        await livekit.assigns("J1")
        await livekit.hears("update_job")
        await livekit.sockets[-1].close()
        assert list((await livekit.hears("migrate_job")).migrate_job.job_ids) == ["J1"]
        assert (one.worker_id, one.active_calls, task.done()) == ("AW_2", 1, False)
        pool.over("J1", well=True)
        assert (await livekit.hears("update_job", 2)).update_job.status == lk.JobStatus.JS_SUCCESS


async def test_a_refused_key_is_told_at_once(livekit: FakeLiveKit) -> None:
    livekit.status = 401
    async with registered(livekit, FakePool()) as (_, task):
        with pytest.raises(LiveKitRefused, match="refused the API key"):
            await asyncio.wait_for(task, 5)


@pytest.mark.parametrize("status", [404, 502])
async def test_what_is_no_livekit_is_given_up(livekit: FakeLiveKit, status: int) -> None:
    livekit.status = status
    async with registered(livekit, FakePool()) as (one, task):
        with pytest.raises(LiveKitUnreachable, match=f"is not LiveKit: HTTP {status}"):
            await asyncio.wait_for(task, 5)
        assert not one.connected


@pytest.mark.parametrize("rubbish", [b"\xff\xff\xff", "text"])
async def test_rubbish_ends_the_connection_not_the_registration(
    livekit: FakeLiveKit, rubbish: bytes | str
) -> None:
    async with registered(livekit, FakePool()) as (one, task):
        socket = livekit.sockets[-1]
        await (socket.send_bytes(rubbish) if isinstance(rubbish, bytes) else socket.send_str(rubbish))

        async def again() -> bool:
            return one.worker_id == "AW_2" and one.connected

        await eventually(again, "a second connection", seconds=5)
        assert not task.done()


def test_a_call_travels_with_its_job_and_leaves_the_metadata_as_it_was() -> None:
    job = lk.Job(id="J1", metadata='{"callId": "c"}')
    CALL.put_into(job)
    assert job.metadata != '{"callId": "c"}'
    assert CallJob.take_out_of(job) == CALL
    assert job.metadata == '{"callId": "c"}'
