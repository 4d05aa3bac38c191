"""Fault 7: Temporal is away. Calls go on, wishes are refused with the reason, and all comes right later."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from tests.support.caller import calling
from tests.support.hosts import own_host
from tests.support.outages import GREETING, LONG, watching
from tests.support.platform import ANSWER, ORDER, Json, Platform, offline_config
from tests.support.temporal import search
from tests.support.waiting import eventually
from workflows.policy import HEARTBEAT_TIMEOUT, call_workflow_id, host_workflow_id

pytestmark = [pytest.mark.integration, pytest.mark.alone]

AWAY_SECONDS = 300.0 if LONG else HEARTBEAT_TIMEOUT.total_seconds() + 1
REFUSED_SECONDS = 12.0
"""Within which a wish is answered: connecting, the request's own limit and what is between them."""


async def _refused(platform: Platform, path: str) -> Json:
    """A wish that Temporal would have to hear of."""
    began = time.monotonic()
    response = await platform.http.post(path, json={})
    assert response.status_code == 503, response.text
    assert response.headers["content-type"].startswith("application/problem+json")
    assert "Retry-After" in response.headers
    assert time.monotonic() - began < REFUSED_SECONDS
    problem: Json = response.json()
    return problem


async def test_calls_go_on_wishes_are_refused_and_all_comes_right_afterwards(platform: Platform) -> None:
    live, waiting = await platform.deployed("serves"), await platform.create("waits")
    changed = {"config": offline_config(greeting="The second version.")}
    token = await platform.token(live["slug"])
    async with calling(token["url"], token["token"]) as caller, watching(platform, live["id"]) as watched:
        await caller.hears(GREETING)
        host = await own_host(platform)
        began = time.monotonic()
        await platform.stack.stop("temporal")
        gone = time.monotonic()
        try:
            for wish in (f"{waiting['id']}/deploy", f"{live['id']}/stop"):
                assert "Temporal" in (await _refused(platform, f"/api/agents/{wish}"))["detail"]
            await platform.call("PATCH", f"/api/agents/{live['id']}", changed)
            unheard = await _called(platform, live)
            await asyncio.sleep(max(0.0, gone + AWAY_SECONDS - time.monotonic()))
            await caller.asks(ORDER, ANSWER)
        finally:
            back = datetime.now(UTC)
            await platform.stack.start("temporal")
        assert watched.between(began, time.monotonic()) == {"running"}

        await _heard_again(platform, host, back)
        await _had_a_workflow(platform, unheard)
        await platform.call("POST", f"/api/agents/{live['id']}/deploy", {}, expect=202)
        await platform.call("POST", f"/api/agents/{waiting['id']}/retry", {}, expect=202)
        await platform.reaches(waiting["id"], "running", seconds=60)
        await _version_is_live(platform, live, 2)
        assert len(caller.agents) == 1, "the call has its agent still"
    before = (await platform.call("GET", f"/api/agents/{live['id']}/deployments"))["items"][-1]
    assert before["attempt"] == 1, "nothing began anew because Temporal was away"
    for agent in (live, waiting):
        await platform.stop(agent["id"])


async def _called(platform: Platform, agent: Json) -> str:
    """A caller has an agent, and leaves; which call it was."""
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"], quiet=True) as other:
        await other.agent()
    return str(token["callId"])


async def _had_a_workflow(platform: Platform, call_id: str) -> None:
    """What happened in a call while Temporal was away is told to its workflow, which ends with it."""
    temporal = await Client.connect(platform.stack.temporal_address)
    handle = temporal.get_workflow_handle(call_workflow_id(call_id))

    async def done() -> bool:
        found: Json = await platform.call("GET", f"/api/calls/{call_id}")
        if not await search(temporal, f'WorkflowId = "{handle.id}"'):
            return False
        over = (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED
        return bool(found["status"] == "ended" and over)

    await eventually(done, "the workflow of a call that Temporal did not hear of", seconds=60)


async def _heard_again(platform: Platform, host: str, since: datetime) -> None:
    """Temporal listens to the host again, whether it was missed meanwhile or spoke just in time."""
    handle = (await Client.connect(platform.stack.temporal_address)).get_workflow_handle(
        host_workflow_id(host)
    )

    async def listens() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        spoke = [
            a.last_heartbeat_time.ToDatetime(UTC) for a in pending if a.activity_type.name == "keep_host"
        ]
        return any(at > since for at in spoke)

    await eventually(listens, "the host is listened to again", seconds=60)


async def _version_is_live(platform: Platform, agent: Json, version: int) -> None:
    async def live() -> bool:
        return bool((await platform.agent(agent["id"]))["liveVersion"] == version)

    await eventually(live, f"version {version} live", seconds=60)
