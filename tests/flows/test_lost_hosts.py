"""A host that is lost, or seems to be: every agent has one owner in the end, and nobody has to ask for it."""

from __future__ import annotations

import json
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus

from tests.support.caller import calling
from tests.support.hosts import another_host, reaches
from tests.support.platform import Json, Platform
from tests.support.waiting import eventually
from workflows.policy import HEARTBEAT_TIMEOUT, host_workflow_id

pytestmark = [pytest.mark.integration, pytest.mark.alone]

BACK = HEARTBEAT_TIMEOUT + timedelta(seconds=6)
"""Until a lost host's agents are registered elsewhere: three seconds after it is missed, as the benchmark
measures, and what a busy machine adds."""

REPLICAS = 3
OTHER = "other"
DONE = EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED


@asynccontextmanager
async def _on_another_host(platform: Platform, name: str) -> AsyncIterator[tuple[Process, Json]]:
    """An agent whose replicas are all on a host that nobody restarts, while the stack's own is free."""
    await platform.stack.stop("runtime")
    async with another_host(platform, OTHER) as host:
        agent = await platform.create(name)
        await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {"replicas": REPLICAS}, expect=202)
        await platform.reaches(agent["id"], "running", seconds=60)
        await platform.stack.start("runtime")
        yield host, agent
    await platform.reaches(agent["id"], "running", seconds=60)
    await platform.stop(agent["id"])


async def _all_back(platform: Platform, agent: Json) -> Json:
    async def back() -> Json | None:
        now = await platform.agent(agent["id"])
        tried = now["deployment"]["attempt"] > 1
        ready = now["replicas"]["ready"] == REPLICAS
        return now if tried and ready and now["status"] == "running" else None

    return await eventually(back, "every replica registered again", seconds=90)


async def _one_owner_each(platform: Platform) -> bool:
    """As many agents on hosts as there are replicas, those of other agents included."""
    hosts = (await platform.call("GET", "/api/hosts"))["items"]
    agents = (await platform.call("GET", "/api/agents?limit=100"))["items"]
    carried = sum(host["agents"] for host in hosts if host["status"] == "up")
    return bool(carried == sum(agent["replicas"]["ready"] for agent in agents))


async def _temporal(platform: Platform) -> Client:
    return await Client.connect(platform.stack.temporal_address)


async def test_a_lost_hosts_agents_are_taken_over_by_another_host(platform: Platform) -> None:
    async with _on_another_host(platform, "taken-over") as (host, agent):
        died = datetime.now(UTC)
        host.kill()
        await host.wait()
        back = await _all_back(platform, agent)
    assert datetime.fromisoformat(back["deployment"]["transitions"][-1]["at"]) - died < BACK
    causes = [t["reason"] for t in back["deployment"]["transitions"] if t["status"] == "degraded"]
    assert any("lost" in cause for cause in causes)
    await reaches(platform, OTHER, "silent")

    story = await (await _temporal(platform)).get_workflow_handle(host_workflow_id(OTHER)).fetch_history()
    looks = [e.activity_task_completed_event_attributes.result for e in story.events if e.event_type == DONE]
    assert looks
    found = json.loads(looks[0].payloads[0].data)
    assert not found["alive"]
    assert found["agents"] >= REPLICAS, "those of other agents included"


async def test_a_machine_that_dies_with_a_control_worker_is_missed_as_soon(platform: Platform) -> None:
    """What waits for the control worker that died waits two seconds, and not Temporal's ten."""
    async with _on_another_host(platform, "machine") as (host, agent):
        died = datetime.now(UTC)
        host.kill()
        platform.stack.kill("control", signal.SIGKILL)
        await host.wait()
        back = await _all_back(platform, agent)
    told = next(t for t in back["deployment"]["transitions"] if t["status"] == "degraded")
    assert datetime.fromisoformat(told["at"]) - died < BACK


async def test_a_frozen_host_that_wakes_gives_way_and_begins_anew(platform: Platform) -> None:
    temporal = await _temporal(platform)
    handle = temporal.get_workflow_handle(host_workflow_id(OTHER))
    async with _on_another_host(platform, "frozen") as (host, agent):
        first = await handle.describe()
        host.send_signal(signal.SIGSTOP)
        await _all_back(platform, agent)
        host.send_signal(signal.SIGCONT)

        async def anew() -> bool:
            now = await handle.describe()
            return now.status is WorkflowExecutionStatus.RUNNING and now.run_id != first.run_id

        await eventually(anew, "the woken host begins anew", seconds=60)

        await eventually(lambda: _one_owner_each(platform), "one owner for each replica", seconds=60)
        assert (await platform.agent(agent["id"]))["replicas"]["ready"] == REPLICAS
        token = await platform.token(agent["slug"])
        async with calling(token["url"], token["token"]) as caller:
            await caller.hears("Hello, how can I help?")
            assert len(caller.agents) == 1
