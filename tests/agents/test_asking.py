"""Offers by a plain name wait for Postgres, and nothing else does."""

from __future__ import annotations

import asyncio

import pytest
from livekit.protocol import agent as lk
from livekit.protocol.models import Room

from agents import asking
from agents.registration import Registration
from tests.agents.fake_livekit import FakeLiveKit, FakePool
from tests.agents.test_registration import idle, registered
from tests.support.waiting import eventually

pytestmark = pytest.mark.unit


class Postgres:
    """Says whether the version is on trial, when it is told to."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.answers.set()
        self.on_trial = False
        self.broken = False
        self.asked = 0

    async def __call__(self) -> bool:
        """The answer."""
        self.asked += 1
        await self.answers.wait()
        if self.broken:
            raise ValueError("something that nobody foresaw")
        return self.on_trial


async def _offers(livekit: FakeLiveKit, *job_ids: str) -> None:
    """Offer jobs, and wait for no answer."""
    for job_id in job_ids:
        job = lk.Job(id=job_id, room=Room(name=f"room of {job_id}"))
        await livekit.say(availability=lk.AvailabilityRequest(job=job))


def _answered(livekit: FakeLiveKit) -> list[str]:
    return [each.availability.job_id for each in livekit.said if each.HasField("availability")]


async def _wait(one: Registration, *job_ids: str) -> None:
    """Return once exactly those wait for Postgres."""

    async def so() -> bool:
        return sorted(one._offers._asking._waiting) == sorted(job_ids)

    await eventually(so, f"{job_ids} to wait", seconds=5)


async def test_many_wait_for_one_answer_and_a_call_ends_meanwhile(livekit: FakeLiveKit) -> None:
    pool, postgres, many = FakePool(), Postgres(), [f"J{number}" for number in range(1, 11)]
    async with registered(livekit, pool, idle(calls=100), on_trial=postgres) as (one, _):
        await livekit.offers("J0")
        await livekit.assigns("J0")
        await livekit.hears("update_job")
        postgres.answers.clear()
        await _offers(livekit, *many)
        await livekit.say(termination=lk.JobTermination(job_id="J0"))
        assert (await livekit.hears("update_job", 2)).update_job.status == lk.JobStatus.JS_SUCCESS
        await _wait(one, *many)
        assert _answered(livekit) == ["J0"]
        postgres.answers.set()
        await livekit.hears("availability", 11)
        assert sorted(_answered(livekit)) == sorted(["J0", *many])
        assert postgres.asked == 2


async def test_one_on_trial_leaves_them_to_the_live_version(livekit: FakeLiveKit) -> None:
    postgres = Postgres()
    async with registered(livekit, FakePool(), on_trial=postgres):
        postgres.on_trial = True
        assert not (await livekit.offers("J1")).available
        postgres.on_trial = False
        assert (await livekit.offers("J2")).available, "asked anew"
        postgres.broken = True
        assert (await livekit.offers("J3")).available, "as where nothing is said"


async def test_one_that_is_withdrawn_meanwhile_is_neither_answered_nor_held(livekit: FakeLiveKit) -> None:
    postgres, capacity = Postgres(), idle()
    postgres.answers.clear()
    async with registered(livekit, FakePool(), capacity, on_trial=postgres) as (one, _):
        await _offers(livekit, "J1")
        await livekit.say(termination=lk.JobTermination(job_id="J1"))
        await _offers(livekit, "J2", "J2")
        await _wait(one, "J2")
        postgres.answers.set()
        assert (await livekit.hears("availability")).availability.job_id == "J2"
        assert (await livekit.offers("J3")).available
        assert _answered(livekit) == ["J2", "J3"]
        assert capacity.calls == 2


async def test_too_many_are_not_asked_about(livekit: FakeLiveKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "MOST", 2)
    postgres = Postgres()
    postgres.answers.clear()
    async with registered(livekit, FakePool(), idle(calls=10), on_trial=postgres) as (one, _):
        await _offers(livekit, "J1", "J2")
        assert (await livekit.offers("J3")).available
        await _wait(one, "J1", "J2")
        postgres.answers.set()
        await livekit.hears("availability", 3)
        assert postgres.asked == 1


async def test_what_a_lost_connection_offered_is_forgotten(livekit: FakeLiveKit) -> None:
    postgres, capacity = Postgres(), idle()
    postgres.answers.clear()
    async with registered(livekit, FakePool(), capacity, on_trial=postgres) as (one, _):
        await _offers(livekit, "J1")
        await _wait(one, "J1")
        await livekit.sockets[-1].close()

        async def again() -> bool:
            return one.worker_id == "AW_2" and one.connected

        await eventually(again, "a second connection", seconds=5)
        postgres.answers.set()
        assert (await livekit.offers("J2")).available
        assert _answered(livekit) == ["J2"]
        assert capacity.calls == 1


async def test_one_that_ends_all_refuses_those_that_wait(livekit: FakeLiveKit) -> None:
    postgres = Postgres()
    postgres.answers.clear()
    async with registered(livekit, FakePool(), on_trial=postgres) as (one, _):
        await _offers(livekit, "J1")
        await _wait(one, "J1")
        ending = asyncio.create_task(one.end_calls())
        await asyncio.sleep(0)
        postgres.answers.set()
        await asyncio.wait_for(ending, 5)
        assert not (await livekit.hears("availability")).availability.available
