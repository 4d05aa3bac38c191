"""Faults 3 and 11: agents move, to another host or another version, and callers come all the while."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from temporalio.client import Client

from activities.watch import host_of, pending_stay
from tests.support.caller import calling
from tests.support.hosts import another_host, carriers, listed, order, own_host
from tests.support.outages import GREETING, callers_all_the_time, reaches_attempt
from tests.support.platform import ANSWER, ORDER, Json, Platform, offline_config
from tests.support.waiting import eventually
from workflows.policy import replica_workflow_id

pytestmark = [pytest.mark.integration, pytest.mark.alone]

PATIENT = {"drainSeconds": 60}
EVERY_SECONDS = 0.5
AFTERWARDS_SECONDS = 3.0
"""How long callers go on coming when the move is over: the old host takes none by then."""

LATE_SECONDS = 5.0
"""How much later than it begins to move an agent is registered, where its next host is slow."""

LATE = "late"

MORE = 6
"""Callers who are answered when that time is over, and the agent is not registered yet."""


@asynccontextmanager
async def _deployed_on(platform: Platform, host: str) -> AsyncIterator[Json]:
    """An agent that this one of two hosts carries: Temporal gives it to either."""
    for _ in range(20):
        agent = await platform.deployed("moved", **PATIENT)
        if await carriers(platform, agent["id"]) == [host]:
            break
        await platform.stop(agent["id"])
    else:
        raise AssertionError(f"host {host} was given nothing")
    yield agent
    await platform.stop(agent["id"])


async def test_a_host_that_goes_moves_its_agents_first_and_drops_no_call(platform: Platform) -> None:
    name = f"going-{uuid.uuid4().hex[:6]}"
    async with another_host(platform, name) as host, _deployed_on(platform, name) as agent:
        token = await platform.token(agent["slug"])
        async with calling(token["url"], token["token"]) as caller:
            await caller.hears(GREETING)
            mine = caller.agents[0].identity
            async with callers_all_the_time(platform, agent["slug"], EVERY_SECONDS) as answered:
                host.terminate()
                await reaches_attempt(platform, agent["id"], 2, 30)
                await asyncio.sleep(AFTERWARDS_SECONDS)
            assert len(answered) > AFTERWARDS_SECONDS / EVERY_SECONDS / 2
            assert host.returncode is None, "it waits for its last call"
            await caller.asks(ORDER, ANSWER, seconds=20)
            assert [each.identity for each in caller.agents] == [mine]
        assert await asyncio.wait_for(host.wait(), 30) == 0
        assert await listed(platform, name) is None, "it took its leave"


@pytest.fixture
async def first(platform: Platform) -> AsyncIterator[str]:
    """The stack's own host. It takes no agents meanwhile: they go to another one."""
    name = await own_host(platform)
    await order(platform, name, "cordon")
    yield name
    await order(platform, name, "uncordon")


async def _is_given_to(platform: Platform, agent: Json, host: str) -> None:
    """Return once that host is at work on it, whether the agent is registered or not."""
    client = await Client.connect(platform.stack.temporal_address)
    replica = client.get_workflow_handle(replica_workflow_id(agent["id"], 1, 1))

    async def so() -> bool:
        found = pending_stay(list((await replica.describe()).raw_description.pending_activities))
        return found is not None and host_of(found.last_worker_identity) == host

    await eventually(so, f"the agent on {host}", seconds=30)


async def _more_are_answered(answered: list[str]) -> None:
    """Callers who are answered from now on; how many that are in a second is the machine's affair."""
    before = len(answered)

    async def more() -> bool:
        return len(answered) >= before + MORE

    await eventually(more, f"{MORE} more callers with an agent", seconds=30)


async def test_callers_are_answered_however_late_the_next_host_registers(
    platform: Platform, first: str, tmp_path: Path
) -> None:
    name, registers = f"going-{uuid.uuid4().hex[:6]}", tmp_path / "registers"
    command = [sys.executable, "-m", "tests.support.late_host", str(registers)]
    async with another_host(platform, name) as host:
        agent = await platform.deployed("awaited", **PATIENT)
        assert await carriers(platform, agent["id"]) == [name]
        async with another_host(platform, LATE, command=command):
            async with callers_all_the_time(platform, agent["slug"], EVERY_SECONDS) as answered:
                host.terminate()
                await _is_given_to(platform, agent, LATE)
                await asyncio.sleep(LATE_SECONDS)
                await _more_are_answered(answered)
                assert host.returncode is None, "it takes them"
                registers.touch()
                await reaches_attempt(platform, agent["id"], 2, 30)
                assert await carriers(platform, agent["id"]) == [LATE]
                assert await asyncio.wait_for(host.wait(), 30) == 0
            await platform.stop(agent["id"])


async def test_calls_that_the_old_host_has_end_as_it_is_ordered_later(platform: Platform, first: str) -> None:
    name = f"going-{uuid.uuid4().hex[:6]}"
    async with another_host(platform, name) as host:
        agent = await platform.deployed("stopped-elsewhere", **PATIENT)
        assert await carriers(platform, agent["id"]) == [name]
        await order(platform, first, "uncordon")
        token = await platform.token(agent["slug"])
        async with calling(token["url"], token["token"]) as caller:
            await caller.hears(GREETING)
            host.terminate()
            await reaches_attempt(platform, agent["id"], 2, 30)
            assert host.returncode is None, "it waits for its last call"
            await platform.stop(agent["id"])

            async def sent_out() -> bool:
                return not caller.room.isconnected()

            await eventually(sent_out, "the call over at once")
        assert await asyncio.wait_for(host.wait(), 30) == 0


async def test_nobody_is_left_alone_while_a_new_version_takes_over(platform: Platform) -> None:
    agent = await platform.deployed("renewed", **PATIENT)
    path = f"/api/agents/{agent['id']}"
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears(GREETING)
        mine = caller.agents[0].identity
        async with callers_all_the_time(platform, agent["slug"], EVERY_SECONDS) as answered:
            for version in (2, 3):
                early = await platform.token(agent["slug"])
                config = offline_config(greeting=f"Version {version}.", **PATIENT)
                await platform.call("PATCH", path, {"config": config})
                await platform.call("POST", f"{path}/deploy", {}, expect=202)

                async def live(wanted: int = version) -> bool:
                    return bool((await platform.agent(agent["id"]))["liveVersion"] == wanted)

                await eventually(live, f"version {version} live")
                async with calling(early["url"], early["token"]) as late:
                    await late.agent()
        assert len(answered) >= 3
        await caller.asks(ORDER, ANSWER, seconds=20)
        assert [each.identity for each in caller.agents] == [mine]
    await platform.stop(agent["id"])
