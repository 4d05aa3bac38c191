"""Operators see which hosts there are, and which of them died."""

from __future__ import annotations

import signal

import pytest

from tests.support.caller import calling
from tests.support.platform import Json, Platform
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration


async def test_a_host_tells_of_its_agents_and_calls_and_is_missed_when_it_dies(platform: Platform) -> None:
    agent = await platform.deployed("hosted")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")

        async def busy() -> Json | None:
            hosts = (await platform.call("GET", "/api/hosts"))["items"]
            return next((h for h in hosts if h["status"] == "up" and h["agents"] and h["activeCalls"]), None)

        host = await eventually(busy, "a host with an agent and a call")
        assert 0 <= host["cpu"] <= 1
        assert 0 < host["memory"] < 1

    platform.stack.kill("runtime", signal.SIGKILL)

    async def returned() -> Json | None:
        found = (await platform.call("GET", "/api/hosts"))["items"]
        same = next(h for h in found if h["name"] == host["name"])
        return same if same["startedAt"] > host["startedAt"] and same["agents"] else None

    successor = await eventually(returned, "a new process of that name, with its agent", seconds=60)
    await platform.reaches(agent["id"], "running")
    await platform.stack.stop("runtime")

    async def gone() -> bool:
        return successor["name"] not in {
            h["name"] for h in (await platform.call("GET", "/api/hosts"))["items"]
        }

    await eventually(gone, "a host that ended in order is not listed any more")
    await platform.stack.start("runtime")
    await platform.reaches(agent["id"], "running", seconds=30)
    await platform.stop(agent["id"])
