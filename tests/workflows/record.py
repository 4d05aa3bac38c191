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
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

import httpx
from temporalio.client import Client

from stack import Stack, StackConfig, free_ports
from tests.support.caller import calling
from tests.support.hosts import another_host
from tests.support.jobs import call_processes, frozen_in_wait
from tests.support.platform import Platform, offline_config
from tests.support.recoveries import COMEBACK
from tests.workflows.earlier import without_traces
from workflows.policy import (
    CONTROL_QUEUE,
    HEARTBEAT_TIMEOUT,
    after_workflow_id,
    agent_workflow_id,
    call_workflow_id,
    host_workflow_id,
    replica_workflow_id,
    reprocess_workflow_id,
)
from workflows.reconcile_types import RoundInput

HISTORIES = Path(__file__).with_name("histories")
WANTED = frozenset(sys.argv[1:]) if __name__ == "__main__" else frozenset()
"""Names of those that are kept; empty means all."""

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


async def _calls(platform: Platform) -> None:
    """One that goes well, and one whose agent is killed."""
    client = await Client.connect(platform.stack.temporal_address)
    agent = await platform.deployed("called")
    for name in ("call", "call-whose-agent-is-lost"):
        token = await platform.token(agent["slug"])
        async with calling(token["url"], token["token"]) as caller:
            await caller.hears("Hello, how can I help?")
            await asyncio.sleep(3)
            if name != "call":
                (process,) = call_processes(platform.stack)
                process.kill()
                await caller.hears(COMEBACK)
                await asyncio.sleep(3)
        handle = client.get_workflow_handle(call_workflow_id(token["callId"]))
        await handle.result()
        await _keep(client, name, handle.id)
    await platform.stop(agent["id"])


async def _registers_late(platform: Platform) -> None:
    """A call to which agents are sent in vain until one registers."""
    client = await Client.connect(platform.stack.temporal_address)
    agent = await platform.deployed("late")
    token = await platform.token(agent["slug"])
    await platform.stack.stop("runtime")
    async with calling(token["url"], token["token"]) as caller:
        await asyncio.sleep(8)
        await platform.stack.start("runtime")
        await caller.agent(seconds=30)
        await asyncio.sleep(3)
    handle = client.get_workflow_handle(call_workflow_id(token["callId"]))
    await handle.result()
    await _keep(client, "call-whose-agent-registers-late", handle.id)
    await platform.stop(agent["id"])


async def _is_slow(platform: Platform) -> None:
    """A call whose agent is waited for: its host says that it has the job."""
    client = await Client.connect(platform.stack.temporal_address)
    agent = await platform.deployed("slow")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        with frozen_in_wait(platform.stack.process("runtime").pid):
            await asyncio.sleep(5)
        await caller.hears("Hello, how can I help?")
        await asyncio.sleep(3)
    handle = client.get_workflow_handle(call_workflow_id(token["callId"]))
    await handle.result()
    await _keep(client, "call-whose-agent-is-slow", handle.id)
    await platform.stop(agent["id"])


async def _nobody_comes(platform: Platform) -> None:
    """A call of which the caller and operators are told that no agent comes."""
    client = await Client.connect(platform.stack.temporal_address)
    agent = await platform.deployed("nobody")
    token = await platform.token(agent["slug"])
    await platform.stack.stop("runtime")
    async with calling(token["url"], token["token"]):
        await asyncio.sleep(30)
    handle = client.get_workflow_handle(call_workflow_id(token["callId"]))
    await handle.result()
    await _keep(client, "call-to-which-nobody-comes", handle.id)
    await platform.stack.start("runtime")
    await platform.stop(agent["id"])


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
    await _keep(client, "agent-retried", handle.id)


async def _after(platform: Platform) -> None:
    """A call with steps to do when it is over, of which one fails for good; and steps that are done again."""
    client = await Client.connect(platform.stack.temporal_address)
    analysis = {"summary": True, "judges": [{"name": "safety"}]}
    nobody = {"provider": "openai", "options": {"baseUrl": "http://127.0.0.1:9/v1"}}
    agent = await platform.deployed("after", recording={"enabled": True}, analysis=analysis | {"llm": nobody})
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")
    handle = client.get_workflow_handle(call_workflow_id(token["callId"]))
    run = await handle.describe()
    await handle.result()
    await _keep(client, "call-with-steps", handle.id)
    body = {"calls": [token["callId"]], "steps": ["transcript", "cost"]}
    again = await platform.call("POST", "/api/calls/reprocess", body, expect=202)
    pages = client.get_workflow_handle(reprocess_workflow_id(again["id"]))
    first = await pages.describe()
    await pages.result()
    await _keep(client, "reprocess", pages.id)
    await _keep(client, "reprocess-page", pages.id, first.run_id)
    after = after_workflow_id(token["callId"], run.run_id)
    await client.get_workflow_handle(after).result()  # a step that fails takes its time: some ten minutes
    await _keep(client, "after", after)
    await platform.stop(agent["id"])


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
    await _keep(client, "agent", agent_workflow_id(agent["id"]))
    await _keep(client, "replica-replaced", replica_workflow_id(agent["id"], 1, 1))
    await _keep(client, "replica-moved", replica_workflow_id(agent["id"], 2, 2))


async def _hosts(platform: Platform) -> None:
    client = await Client.connect(platform.stack.temporal_address)
    async with another_host(platform, "leaving"):
        pass
    await _keep(client, "host-left", host_workflow_id("leaving"))
    async with another_host(platform, "lost") as host:
        host.kill()
        await asyncio.sleep(2.5 * HEARTBEAT_TIMEOUT.total_seconds())
    await _keep(client, "host-lost", host_workflow_id("lost"))


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
    await _keep(client, "agent-on-trial", agent_workflow_id(agent["id"]))


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
    await _keep(client, "agent-tried-twice", agent_workflow_id(agent["id"]))


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
    await _keep(client, "reconcile", "reconcile-recorded")
    await _keep(client, "agent-brought-back", agent_workflow_id(agent["id"]))


SCENES: dict[Callable[[Platform], Awaitable[None]], frozenset[str]] = {
    _calls: frozenset({"call", "call-whose-agent-is-lost"}),
    _registers_late: frozenset({"call-whose-agent-registers-late"}),
    _is_slow: frozenset({"call-whose-agent-is-slow"}),
    _nobody_comes: frozenset({"call-to-which-nobody-comes"}),
    _after: frozenset({"call-with-steps", "reprocess", "reprocess-page", "after"}),
    _live: frozenset({"agent", "replica-replaced", "replica-moved"}),
    _retried: frozenset({"agent-retried"}),
    _hosts: frozenset({"host-left", "host-lost"}),
    _canaries: frozenset({"agent-on-trial"}),
    _superseded_trial: frozenset({"agent-tried-twice"}),
    _repairs: frozenset({"reconcile", "agent-brought-back"}),
}
"""What is recorded by each."""


def new_file(folder: Path, name: str) -> Path:
    """Where a history is kept: by its name, or with the next number."""
    names = (name if number == 1 else f"{name}.{number}" for number in count(1))
    return next(path for path in (folder / f"{each}.json" for each in names) if not path.exists())


async def _keep(client: Client, name: str, workflow_id: str, run_id: str | None = None) -> None:
    if WANTED and name not in WANTED:
        return
    history = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
    text = json.dumps(without_traces(history.to_json_dict()), indent=1, sort_keys=True)
    path = new_file(HISTORIES, name)
    path.write_text(text + "\n")
    print(f"recorded {path.name}")  # noqa: T201 - it is told to who records


if __name__ == "__main__":
    asyncio.run(record())
