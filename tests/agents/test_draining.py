"""A name that takes no new calls: it holds those it has, and ends with them or when it is told to."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from livekit.protocol import agent as lk

from agents import offers
from agents.dispatch import Dispatch
from tests.agents.fake_livekit import FakeLiveKit, FakePool
from tests.agents.test_registration import idle, registered

pytestmark = pytest.mark.unit


async def test_one_that_drains_refuses_calls_and_waits_for_those_it_has(livekit: FakeLiveKit) -> None:
    pool = FakePool()
    async with registered(livekit, pool) as (one, _):
        await livekit.offers("J1")
        draining = asyncio.create_task(one.drain())
        update = (await livekit.hears("update_worker", 2)).update_worker
        assert update.status == lk.WorkerStatus.WS_FULL
        assert not (await livekit.offers("J2")).available
        # Accepted before, assigned only now: it is held all the same.
        await livekit.assigns("J1")
        await livekit.hears("update_job")
        assert not draining.done()
        pool.over("J1", well=True)
        await asyncio.wait_for(draining, 5)


async def test_one_that_drains_takes_calls_back_while_it_expects_them(livekit: FakeLiveKit) -> None:
    pool, expects = FakePool(), asyncio.Event()
    again, back = Dispatch(uuid4(), attempt=2), Dispatch(uuid4(), attempt=2, last=True).metadata()
    async with registered(livekit, pool, takes_back=expects.is_set) as (one, _):
        await livekit.offers("J1")
        await livekit.assigns("J1")
        await livekit.hears("update_job")
        draining = asyncio.create_task(one.drain())
        assert (await livekit.hears("update_worker", 2)).update_worker.status == lk.WorkerStatus.WS_FULL
        assert not (await livekit.offers("J2", back)).available, "not expected"
        expects.set()
        await one.tell_load()
        update = (await livekit.hears("update_worker", 3)).update_worker
        assert update.status == lk.WorkerStatus.WS_AVAILABLE
        assert not (await livekit.offers("J3")).available, "a new call"
        assert not (await livekit.offers("J4", again.metadata())).available, "others can have it"
        assert (await livekit.offers("J5", back)).available
        pool.over("J1", well=False)
        assert one.busy
        await livekit.assigns("J5")
        await livekit.hears("update_job", 3)
        assert not draining.done()
        pool.over("J5", well=True)
        await asyncio.wait_for(draining, 5)
        one.shut()
        assert not (await livekit.offers("J6", back)).available, "nothing is taken any more"


async def test_ending_all_calls_leaves_none(livekit: FakeLiveKit) -> None:
    pool = FakePool()
    async with registered(livekit, pool) as (one, _):
        for job_id in ("J1", "J2"):
            await livekit.offers(job_id)
            await livekit.assigns(job_id)
        await livekit.hears("update_job", 2)
        await asyncio.wait_for(one.end_calls(), 5)
        assert (sorted(pool.ended), one.active_calls) == (["J1", "J2"], 0)
        await livekit.hears("update_job", 4)


async def test_what_is_assigned_after_all_calls_were_ended_has_failed(livekit: FakeLiveKit) -> None:
    pool = FakePool()
    async with registered(livekit, pool) as (one, _):
        await livekit.offers("J1")
        await asyncio.wait_for(one.end_calls(), 5)
        await livekit.assigns("J1")
        assert (await livekit.hears("update_job")).update_job.status == lk.JobStatus.JS_FAILED
        assert (pool.launched, one.active_calls) == ({}, 0)
        assert not (await livekit.offers("J2")).available


async def test_an_offer_that_is_never_assigned_does_not_keep_an_agent_from_leaving(
    livekit: FakeLiveKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offers, "ASSIGNMENT_SECONDS", 0.05)
    pool, capacity = FakePool(), idle()
    async with registered(livekit, pool, capacity) as (one, _):
        await livekit.offers("J1")
        await asyncio.wait_for(one.drain(), 5)
        assert capacity.calls == 0
        await livekit.assigns("J1")
        await livekit.offers("J2")  # the answer shows that the late assignment was read, and ignored
        assert pool.launched == {}
