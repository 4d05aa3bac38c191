"""Operators take a host out of service and put it back, and nobody who is on the phone notices."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.caller import calling
from tests.support.hosts import another_host, listed, order, reaches
from tests.support.platform import Json, Platform
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

OTHER = "ordered"
GREETING = "Hello, how can I help?"


@pytest.fixture(scope="module")
async def first(platform: Platform) -> str:
    """The name of the host that the stack runs."""
    hosts = (await platform.call("GET", "/api/hosts"))["items"]
    (name,) = [host["name"] for host in hosts if host["status"] == "up"]
    return str(name)


@pytest.fixture(scope="module")
async def other(platform: Platform, first: str) -> AsyncIterator[str]:
    """A host that takes one call. It was cordoned, and has been killed and started again since."""
    await order(platform, first, "drain", expect=409)
    async with another_host(platform, OTHER) as process:
        await order(platform, OTHER, "cordon")
        process.kill()
        await process.wait()
    async with another_host(platform, OTHER, "cordoned", BIONIC_MAX_CALLS="1"):
        yield OTHER
        for name in (first, OTHER):
            await order(platform, name, "uncordon")
    assert await listed(platform, OTHER) is None


async def _carries(platform: Platform, name: str, agents: int) -> None:
    async def so() -> Json | None:
        host = await listed(platform, name)
        return host if host is not None and host["agents"] == agents else None

    await eventually(so, f"{agents} agents on {name}", seconds=30)


async def test_a_cordoned_host_takes_no_agents(platform: Platform, first: str, other: str) -> None:
    host = await reaches(platform, first, "up")
    crowd = await platform.create("crowd")
    await platform.call("POST", f"/api/agents/{crowd['id']}/deploy", {"replicas": 12}, expect=202)
    await platform.reaches(crowd["id"], "running", seconds=30)
    await _carries(platform, first, host["agents"] + 12)
    await _carries(platform, other, 0)
    await platform.stop(crowd["id"])

    # The other way round; and what had been asked for before is not taken either.
    await order(platform, other, "uncordon")
    await order(platform, first, "cordon")
    agent = await platform.deployed("elsewhere")
    await _carries(platform, other, 1)
    await _carries(platform, first, host["agents"])
    assert (await order(platform, other, "cordon"))["note"], "nobody takes agents now"
    await platform.stop(agent["id"])
    await order(platform, first, "uncordon")


async def test_a_drained_host_keeps_no_agents_but_its_calls(
    platform: Platform, first: str, other: str
) -> None:
    agent = await platform.deployed("moved", drainSeconds=120)
    agents = (await reaches(platform, first, "up"))["agents"]
    await order(platform, other, "uncordon")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears(GREETING)
        (talking,) = caller.agents
        await order(platform, first, "drain")
        await _carries(platform, other, agents)
        now = await platform.reaches(agent["id"], "running")
        assert now["replicas"]["ready"] == 1
        assert "is being drained" in str(now["deployment"]["transitions"])
        left = await reaches(platform, first, "draining")
        assert (left["agents"], left["activeCalls"]) == (0, 1), "it waits for the call"
        assert [each.identity for each in caller.agents] == [talking.identity]
    await reaches(platform, first, "drained")

    # The one host that is left takes one call: who comes second is told so, and comes in later.
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears(GREETING)
        host = await reaches(platform, other, "up")
        assert (host["activeCalls"], host["maxCalls"], host["full"]) == (1, 1, "calls")
        refused = await platform.asks_for_token(agent["slug"])
        assert refused.status_code == 503
        assert "are busy just now" in refused.json()["error"]["message"]
    await platform.token(agent["slug"])
    await platform.stop(agent["id"])
