"""`python -m tests.workflows.record [NAME ...]`: record what `test_replay` replays, from a real stack.

Record again when a workflow takes another way: the histories of these names, or all. Nothing is written over,
for what was recorded earlier must replay as well: a new `agent` is kept as `agent.2.json` beside the old one.
Give either a name that says what it is: `agent-validated-after` is from when versions were validated after
the deploy was answered, those `by-heartbeat` from when every agent had to beat every few seconds, and
searches did not learn of a version that replaced a running one; what is `-of-` a commit was recorded over by
a later one. None is removed: see `earlier`.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
from temporalio.client import Client

from stack import Stack, StackConfig, free_ports
from tests.support.hosts import another_host, order, own_host
from tests.support.platform import Platform, offline_config
from tests.workflows import record_calls as calls
from tests.workflows.keeping import WANTED, keep
from workflows.policy import (
    CONTROL_QUEUE,
    HEARTBEAT_TIMEOUT,
    agent_workflow_id,
    host_workflow_id,
    replica_workflow_id,
)
from workflows.reconcile_types import RoundInput

NOWHERE = {
    "url": "ws://127.0.0.1:9",
    "apiKey": "key",
    "apiSecret": "secret-of-thirty-two-characters-and-more",
}


async def record() -> None:
    """Deploy, replace, fail, kill the host, try out, lose, stop: and keep what Temporal saw."""
    with tempfile.TemporaryDirectory() as folder:
        config = StackConfig(state_dir=Path(folder), ports=free_ports())
        async with Stack(config) as stack:
            await stack.wait_healthy(60)
            headers = {"Authorization": f"Bearer {stack.api_key}"}
            async with httpx.AsyncClient(base_url=stack.api_url, headers=headers, timeout=20) as http:
                for scene, names in SCENES.items():
                    if not WANTED or names & WANTED:
                        await scene(Platform(stack, http))


async def _retried(platform: Platform) -> None:
    """An agent that fails, is tried again, is stopped and deleted."""
    client = await Client.connect(platform.stack.temporal_address)
    agent = await platform.create("retried", livekitConfig=NOWHERE)
    path = f"/api/agents/{agent['id']}"
    await platform.call("POST", f"{path}/deploy", {}, expect=202)
    await platform.reaches(agent["id"], "failed", seconds=60)
    await platform.call("POST", f"{path}/retry", expect=202)
    await asyncio.sleep(1)
    await platform.reaches(agent["id"], "failed", seconds=60)
    await platform.call("DELETE", path, expect=204)
    handle = client.get_workflow_handle(agent_workflow_id(agent["id"]))
    await handle.result()
    await keep(client, "agent-retried", handle.id)


async def _live(platform: Platform) -> None:
    agent = await platform.deployed("recorded")
    path = f"/api/agents/{agent['id']}"
    await platform.call("PATCH", path, {"config": offline_config(greeting="Second.")})
    await platform.call("POST", f"{path}/deploy", {"replicas": 2}, expect=202)
    await asyncio.sleep(2)
    await platform.call("PATCH", path, {"config": offline_config(livekitConfig=NOWHERE)})
    await platform.call("POST", f"{path}/deploy", {}, expect=202)
    await asyncio.sleep(6)
    await platform.stack.restart("runtime")
    await asyncio.sleep(10)
    await platform.stop(agent["id"])
    client = await Client.connect(platform.stack.temporal_address)
    await keep(client, "agent", agent_workflow_id(agent["id"]))
    await keep(client, "replica-replaced", replica_workflow_id(agent["id"], 1, 1))
    await keep(client, "replica-moved", replica_workflow_id(agent["id"], 2, 2))


async def _hosts(platform: Platform) -> None:
    client = await Client.connect(platform.stack.temporal_address)
    async with another_host(platform, "leaving"):
        pass
    await keep(client, "host-left", host_workflow_id("leaving"))
    async with another_host(platform, "lost") as host:
        host.kill()
        await asyncio.sleep(2.5 * HEARTBEAT_TIMEOUT.total_seconds())
    await keep(client, "host-lost", host_workflow_id("lost"))


async def _ordered_twice(platform: Platform) -> None:
    """An agent that is stopped when its host has just died: the order reaches the next one only."""
    client = await Client.connect(platform.stack.temporal_address)
    own = await own_host(platform)
    await order(platform, own, "cordon")
    async with another_host(platform, "dead") as host:
        agent = await platform.deployed("stopped-late")
        await order(platform, own, "uncordon")
        host.kill()
        await host.wait()
        await platform.call("POST", f"/api/agents/{agent['id']}/stop", {}, expect=202)
        await platform.reaches(agent["id"], "stopped", seconds=60)
    handle = client.get_workflow_handle(replica_workflow_id(agent["id"], 1, 1))
    await handle.result()
    await keep(client, "replica-ordered-twice", handle.id)


async def _canaries(platform: Platform) -> None:
    """One that passes, and one that a rollback ends."""
    agent = await platform.deployed("on-trial")
    path = f"/api/agents/{agent['id']}"
    for words, minutes in (("Second.", 0.02), ("Third.", 60)):
        await platform.call("PATCH", path, {"config": offline_config(greeting=words)})
        steps = [{"percent": 10, "minutes": minutes}, {"percent": 50, "minutes": minutes}]
        await platform.call("POST", f"{path}/deploy", {"canary": steps}, expect=202)
        await asyncio.sleep(8)
    await platform.call("POST", f"{path}/rollback", {}, expect=202)
    await asyncio.sleep(3)
    await platform.stop(agent["id"])
    client = await Client.connect(platform.stack.temporal_address)
    await keep(client, "agent-on-trial", agent_workflow_id(agent["id"]))


async def _superseded_trial(platform: Platform) -> None:
    """One that another trial ends: what it began is cleared away first."""
    agent = await platform.deployed("tried-twice")
    path = f"/api/agents/{agent['id']}"
    for words in ("Second.", "Third."):
        await platform.call("PATCH", path, {"config": offline_config(greeting=words)})
        steps = [{"percent": 10, "minutes": 60}]
        await platform.call("POST", f"{path}/deploy", {"canary": steps, "note": "Another try."}, expect=202)
        await asyncio.sleep(8)
    await platform.call("POST", f"{path}/stop", {"drain": False, "note": "Enough."}, expect=202)
    await platform.reaches(agent["id"], "stopped")
    client = await Client.connect(platform.stack.temporal_address)
    await keep(client, "agent-tried-twice", agent_workflow_id(agent["id"]))


async def _repairs(platform: Platform) -> None:
    """A round that brings an agent back, and the workflow that it starts."""
    agent = await platform.deployed("brought-back")
    client = await Client.connect(platform.stack.temporal_address)
    handle = client.get_workflow_handle(agent_workflow_id(agent["id"]))
    await handle.terminate("an accident")
    await client.execute_workflow(
        "ReconcileWorkflow", RoundInput(1.0), id="reconcile-recorded", task_queue=CONTROL_QUEUE
    )
    await asyncio.sleep(2)
    await handle.signal("tell_again", 100)
    await asyncio.sleep(1)
    await platform.stop(agent["id"])
    await keep(client, "reconcile", "reconcile-recorded")
    await keep(client, "agent-brought-back", agent_workflow_id(agent["id"]))


SCENES: dict[Callable[[Platform], Awaitable[None]], frozenset[str]] = {
    _ordered_twice: frozenset({"replica-ordered-twice"}),
    calls.go_well_and_lose: frozenset({"call", "call-whose-agent-is-lost"}),
    calls.registers_late: frozenset({"call-whose-agent-registers-late"}),
    calls.is_slow: frozenset({"call-whose-agent-is-slow"}),
    calls.is_slow_beside_another: frozenset({"call-asked-of-another-host"}),
    calls.nobody_comes: frozenset({"call-to-which-nobody-comes"}),
    calls.alarmed_once: frozenset({"call-alarmed-once"}),
    calls.is_over: frozenset({"call-with-steps", "reprocess", "reprocess-page", "after"}),
    _live: frozenset({"agent", "replica-replaced", "replica-moved"}),
    _retried: frozenset({"agent-retried"}),
    _hosts: frozenset({"host-left", "host-lost"}),
    _canaries: frozenset({"agent-on-trial"}),
    _superseded_trial: frozenset({"agent-tried-twice"}),
    _repairs: frozenset({"reconcile", "agent-brought-back"}),
}
"""What is recorded by each."""


if __name__ == "__main__":
    WANTED.update(sys.argv[1:])
    asyncio.run(record())
