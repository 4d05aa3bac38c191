"""Fault 12, slow prewarm and crash at import: a host whose job processes do not begin, and its calls."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.support.beginning import DIES, SLOW, WELL
from tests.support.caller import calling
from tests.support.hosts import another_host, listed, order, own_host, started_host
from tests.support.outages import GREETING, is_greeted, watching
from tests.support.platform import ANSWER, ORDER, Json, Platform
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

HOST = "faulty"
SPARE = 2
LOST_SECONDS = 10.0
"""Until it is told that a caller was lost: a call waits three seconds for a process of such a host."""


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """The file that says how job processes begin."""
    path = tmp_path / "orders"
    path.write_text(WELL)
    return path


def _command(orders: Path) -> list[str]:
    return [sys.executable, "-m", "tests.support.faulty_host", str(orders)]


@pytest.fixture
async def first(platform: Platform) -> AsyncIterator[str]:
    """The stack's own host. It takes no agents meanwhile: they go to the other one."""
    name = await own_host(platform)
    await order(platform, name, "cordon")
    yield name
    await order(platform, name, "uncordon")


async def _says(platform: Platform, full: str | None) -> None:
    """What the host says of its room."""

    async def look() -> bool:
        host = await listed(platform, HOST)
        return host is not None and host["full"] == full

    await eventually(look, f"the host to be full: {full}", seconds=60)


async def _is_lost_and_told(platform: Platform, slug: str) -> None:
    """Somebody calls while no process is left and none begins."""
    token = await platform.token(slug)
    async with calling(token["url"], token["token"]) as caller:

        async def told() -> Json | None:
            found: Json = await platform.call("GET", f"/api/calls/{token['callId']}")
            return next((each for each in found["events"] if each["event"] == "lost"), None)

        await eventually(told, "the lost agent told of", seconds=LOST_SECONDS)
        assert not caller.agents


async def _replica(platform: Platform, agent_id: str) -> Json:
    """As the agent's workflow told Postgres."""
    database = await asyncpg.connect(platform.stack.database_url)
    try:
        row = await database.fetchrow("SELECT * FROM replicas WHERE agent_id = $1", agent_id)
        assert row is not None
        return dict(row)
    finally:
        await database.close()


@pytest.mark.parametrize("badly", [SLOW, DIES])
async def test_calls_beside_it_go_on_and_later_ones_are_answered(
    platform: Platform, first: str, orders: Path, badly: str
) -> None:
    async with another_host(platform, HOST, command=_command(orders)) as host, AsyncExitStack() as calls:
        agent = await platform.deployed("beside")
        registered = await _replica(platform, agent["id"])
        assert registered["host"] == HOST
        await asyncio.to_thread(orders.write_text, badly)
        beside = []
        for _ in range(SPARE):  # they get what processes there are
            token = await platform.token(agent["slug"])
            beside.append(await calls.enter_async_context(calling(token["url"], token["token"])))
            await beside[-1].agent()
        if badly == SLOW:  # those that die are told apart before anybody calls
            await _is_lost_and_told(platform, agent["slug"])
        await _says(platform, "processes")

        ailing = await platform.reaches(agent["id"], "degraded")
        assert "No call can begin on its host" in str(ailing["deployment"]["transitions"][-1]["reason"])
        assert (await platform.asks_for_token(agent["slug"])).status_code == 503, "callers are told"
        for caller in beside:
            await caller.hears(GREETING)
            await caller.asks(ORDER, ANSWER)

        await asyncio.to_thread(orders.write_text, WELL)
        await _says(platform, None)
        await platform.reaches(agent["id"], "running")
        await is_greeted(platform, agent["slug"])
        for caller in beside:
            await caller.asks(ORDER, ANSWER)
        assert host.returncode is None
        assert (await _replica(platform, agent["id"]))["worker_id"] == registered["worker_id"], "it stayed"
        await platform.stop(agent["id"])


async def test_a_host_that_never_gets_ready_ends_and_another_one_takes_its_agents(
    platform: Platform, first: str, orders: Path
) -> None:
    await asyncio.to_thread(orders.write_text, DIES)
    process = await started_host(platform, HOST, _command(orders))
    try:
        agent = await platform.create("never-ready")
        await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {}, expect=202)
        async with watching(platform, agent["id"]) as watched:
            assert await asyncio.wait_for(process.wait(), 60) == 1, "its supervisor would start it again"
        assert {status for _, status in watched.seen} <= {"validating", "starting"}
        assert "No call can begin on this host" in (await _replica(platform, agent["id"]))["reason"]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    await order(platform, first, "uncordon")
    await platform.reaches(agent["id"], "running", seconds=60)
    await is_greeted(platform, agent["slug"])
    await platform.stop(agent["id"])


@asynccontextmanager
async def _supervised(platform: Platform, orders: Path) -> AsyncIterator[list[int]]:
    """A host that is started again whenever it ends; gives what it ended with each time."""
    ends: list[int] = []

    async def _again() -> None:
        while True:
            process = await started_host(platform, HOST, _command(orders))
            try:
                ends.append(await process.wait())
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    supervisor = asyncio.create_task(_again())
    try:
        yield ends
    finally:
        supervisor.cancel()
        await asyncio.gather(supervisor, return_exceptions=True)


async def test_what_no_host_can_begin_ends_in_failed_beside_healthy_neighbours(
    platform: Platform, first: str, orders: Path
) -> None:
    await order(platform, first, "uncordon")
    neighbour = await platform.deployed("neighbour")
    await order(platform, first, "cordon")
    await asyncio.to_thread(orders.write_text, DIES)
    async with _supervised(platform, orders) as ends:
        agent = await platform.create("never-begins")
        await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {}, expect=202)
        failed = await platform.reaches(agent["id"], "failed", seconds=180)
        assert set(ends) == {1}
        reason = failed["lastError"]
        assert reason.startswith(
            "Not registered with LiveKit within 2 minutes. No call can begin on this host"
        )
        await is_greeted(platform, neighbour["slug"])
    assert (await platform.agent(neighbour["id"]))["status"] == "running"
    await platform.stop(neighbour["id"])
