"""Faults 8 and 12: what crashes between two steps, or again and again, and what is beside it."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

import asyncpg
import httpx
import psutil
import pytest
from temporalio.client import Client

from tests.support.caller import calling
from tests.support.outages import GREETING, LONG, is_greeted
from tests.support.platform import ANSWER, ORDER, Json, Platform
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

CRASHES = 3
"""Job processes that die as soon as they have a call; more than wait for one."""


async def _committed(database: asyncpg.Connection, agent_id: str) -> str | None:
    found = await database.fetchval("SELECT id FROM deployments WHERE agent_id = $1", agent_id)
    return str(found) if found else None


async def test_a_deploy_that_was_committed_when_the_api_crashed_is_one_workflow(platform: Platform) -> None:
    """Temporal is frozen, so that the crash comes after the commit and before any workflow has heard."""
    stack = platform.stack
    agent = await platform.create("committed")
    database = await asyncpg.connect(stack.database_url)
    starts = stack.process("api").starts
    stack.kill("temporal", signal.SIGSTOP)
    try:
        wish = asyncio.create_task(platform.http.post(f"/api/agents/{agent['id']}/deploy", json={}))
        deployment = await eventually(
            lambda: _committed(database, agent["id"]), "the commit", seconds=5, every=0.005
        )
        stack.kill("api", signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            await wish
    finally:
        stack.kill("temporal", signal.SIGCONT)
    if not LONG:
        # It is left alone for as long as its request might still be under way.
        old = "UPDATE deployments SET created_at = created_at - interval '1 minute' WHERE id = $1"
        await database.execute(old, deployment)
    await database.close()

    async def again() -> bool:
        return stack.process("api").starts > starts

    await eventually(again, "the API started again")
    await stack.wait_healthy(60)
    running = await platform.reaches(agent["id"], "running", seconds=60)
    assert running["deployment"]["id"] == deployment
    assert running["replicas"] == {"desired": 1, "ready": 1}
    temporal = await Client.connect(stack.temporal_address)
    found = [w.id async for w in temporal.list_workflows(f"WorkflowId STARTS_WITH 'agent-{agent['id']}'")]
    assert sorted(found) == [f"agent-{agent['id']}", f"agent-{agent['id']}-v1-r1"]
    await is_greeted(platform, agent["slug"])
    await platform.stop(agent["id"])


def _in_calls(host: psutil.Process) -> set[psutil.Process]:
    """The job processes that hold a call: the only ones of a host that receive media."""
    found = set()
    for process in host.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if process.net_connections(kind="udp"):
                found.add(process)
    return found


async def test_jobs_that_crash_at_once_leave_their_neighbours_alone(platform: Platform) -> None:
    """As code would that can't be loaded: a process dies whenever it is given a call of that agent."""
    crashing, healthy = await platform.deployed("crashing"), await platform.deployed("healthy")
    host = psutil.Process(platform.stack.process("runtime").pid)
    token = await platform.token(healthy["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears(GREETING)
        for _ in range(CRASHES):
            await _crash_one(platform, crashing, host)
        await caller.asks(ORDER, ANSWER)
    assert host.is_running()
    assert host.pid == platform.stack.process("runtime").pid, "the host is the same"
    for agent in (crashing, healthy):
        await is_greeted(platform, agent["slug"])
        now = await platform.agent(agent["id"])
        assert (now["status"], now["deployment"]["attempt"]) == ("running", 1)
        await platform.stop(agent["id"])


async def _crash_one(platform: Platform, agent: Json, host: psutil.Process) -> None:
    """Kill the process that a new call of the agent gets, once it has it."""
    others = _in_calls(host)
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.agent()

        async def found() -> set[psutil.Process]:
            return _in_calls(host) - others

        (victim,) = await eventually(found, "the call's process")
        victim.kill()

        async def replaced() -> bool:
            return not victim.is_running() and bool(_in_calls(host) - others)

        await eventually(replaced, "the end of the process, and another one")
