"""Operators take a host out of service and put it back, and nobody who is on the phone notices."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from common.keys import make_master_key
from db.engine import Database
from db.repositories.hosts import HostFigures, HostRepository
from tests.support.caller import calling
from tests.support.hosts import another_host, listed, order, own_host, reaches
from tests.support.platform import Json, Platform
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

OTHER = "ordered"
REPLICAS = 8
GREETING = "Hello, how can I help?"


@pytest.fixture
async def first(platform: Platform) -> AsyncIterator[str]:
    """The host that the stack runs."""
    name = await own_host(platform)
    yield name
    await order(platform, name, "uncordon")


@pytest.fixture
async def other(platform: Platform, first: str) -> AsyncIterator[str]:
    """A host that takes one call. Its last process was cordoned, and is dead."""
    await platform.call("POST", f"/api/hosts/{first}/drain", expect=409)
    database = Database.connect(platform.stack.database_url, make_master_key())
    async with database.begin() as db_session:
        figures = HostFigures("0", agents=0, active_calls=0, cpu=0, memory=0)
        await HostRepository(db_session).saw(OTHER, "dead", figures)
    await database.close()
    await platform.call("POST", f"/api/hosts/{OTHER}/cordon", expect=202)
    async with another_host(platform, OTHER, "cordoned", BIONIC_MAX_CALLS="1"):
        yield OTHER
        await order(platform, OTHER, "cordon")
    await reaches(platform, OTHER, "gone")
    await platform.call("POST", f"/api/hosts/{OTHER}/uncordon", expect=202)
    assert await listed(platform, OTHER) is None


async def _carries(platform: Platform, name: str, least: int) -> None:
    """Those of earlier tests that still drain may be among them."""

    async def so() -> Json | None:
        host = await listed(platform, name)
        return host if host is not None and host["agents"] >= least else None

    await eventually(so, f"{least} agents on {name}", seconds=30)


async def _only_talks(platform: Platform, name: str) -> None:
    """A host that is drained has but the call left that it waits for."""
    seen: list[Json | None] = []

    async def so() -> bool:
        seen[:] = [host := await listed(platform, name)]
        return host is not None and (host["status"], host["agents"], host["activeCalls"]) == (
            "draining",
            0,
            1,
        )

    await eventually(so, lambda: f"all agents gone but not the call: {seen}")


async def test_hosts_are_cordoned_and_drained_and_take_no_more_calls_than_they_can(
    platform: Platform, first: str, other: str
) -> None:
    agent = await platform.create("moved", drainSeconds=120)
    await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {"replicas": REPLICAS}, expect=202)
    await platform.reaches(agent["id"], "running")
    await _carries(platform, first, REPLICAS)
    cordoned = await listed(platform, other)
    assert cordoned is not None
    assert cordoned["agents"] == 0

    await order(platform, other, "uncordon")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears(GREETING)
        (talking,) = caller.agents
        await order(platform, first, "drain")
        await _carries(platform, other, REPLICAS)
        # What the first host had asked Temporal for while it was open is not taken either.
        late = await platform.deployed("late")
        await _carries(platform, other, REPLICAS + 1)
        await _only_talks(platform, first)
        assert [each.identity for each in caller.agents] == [talking.identity]
    await reaches(platform, first, "drained")
    now = await platform.reaches(agent["id"], "running")
    assert now["replicas"]["ready"] == REPLICAS
    moves = [t for t in now["deployment"]["transitions"] if "is being drained" in (t["reason"] or "")]
    assert {move["status"] for move in moves} == {"running"}, "nobody is alarmed by a planned move"
    assert moves[-1]["reason"] == f"Host {first} is being drained: moved to {other}."

    await _one_call_and_no_more(platform, agent["slug"], other)
    for each in (agent, late):
        await platform.stop(each["id"])


async def _one_call_and_no_more(platform: Platform, slug: str, host: str) -> None:
    """Who comes second is told so, and is let in once the first has hung up."""
    token = await platform.token(slug)
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears(GREETING)
        now = await reaches(platform, host, "up")
        assert (now["activeCalls"], now["maxCalls"], now["full"]) == (1, 1, "calls")
        refused = await platform.asks_for_token(slug)
        assert refused.status_code == 503
        assert "are busy just now" in refused.json()["error"]["message"]
    await platform.token(slug)
