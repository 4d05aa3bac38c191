"""Calls whose histories are recorded."""

from __future__ import annotations

import asyncio

from temporalio.client import Client

from tests.support.caller import calling
from tests.support.hosts import another_host, on_both, own_host
from tests.support.jobs import call_processes, frozen_in_wait
from tests.support.platform import Platform
from tests.support.recoveries import COMEBACK, call_of
from tests.support.waiting import eventually
from tests.workflows.keeping import keep
from workflows.policy import after_workflow_id, call_workflow_id, reprocess_workflow_id


async def _keep_once_over(client: Client, name: str, call_id: str) -> None:
    handle = client.get_workflow_handle(call_workflow_id(call_id))
    await handle.result()
    await keep(client, name, handle.id)


async def go_well_and_lose(platform: Platform) -> None:
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
        await _keep_once_over(client, name, token["callId"])
    await platform.stop(agent["id"])


async def registers_late(platform: Platform) -> None:
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
    await _keep_once_over(client, "call-whose-agent-registers-late", token["callId"])
    await platform.stop(agent["id"])


async def is_slow(platform: Platform) -> None:
    """A call whose agent is waited for: its host says that it has the job."""
    client = await Client.connect(platform.stack.temporal_address)
    agent = await platform.deployed("slow")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        with frozen_in_wait(platform.stack.process("runtime").pid):
            await asyncio.sleep(5)
        await caller.hears("Hello, how can I help?")
        await asyncio.sleep(3)
    await _keep_once_over(client, "call-whose-agent-is-slow", token["callId"])
    await platform.stop(agent["id"])


async def is_slow_beside_another(platform: Platform) -> None:
    """A call whose agent is slow to come, while another host has room: that one is asked."""
    client = await Client.connect(platform.stack.temporal_address)
    first = await own_host(platform)
    async with another_host(platform, "slow") as host, on_both(platform, (first, "slow")) as agent:
        with frozen_in_wait(host.pid):
            for _ in range(20):  # LiveKit draws lots
                token = await platform.token(agent["slug"])
                async with calling(token["url"], token["token"], quiet=True) as caller:
                    await caller.hears("Hello, how can I help?")
                    await asyncio.sleep(3)
                handle = client.get_workflow_handle(call_workflow_id(token["callId"]))
                await handle.result()
                if (await call_of(platform, token["callId"]))["recoveries"]:
                    break
        await keep(client, "call-asked-of-another-host", handle.id)


async def nobody_comes(platform: Platform) -> None:
    """A call of which the caller and operators are told that no agent comes."""
    client = await Client.connect(platform.stack.temporal_address)
    agent = await platform.deployed("nobody")
    token = await platform.token(agent["slug"])
    await platform.stack.stop("runtime")
    async with calling(token["url"], token["token"]):
        await asyncio.sleep(30)
    await _keep_once_over(client, "call-to-which-nobody-comes", token["callId"])
    await platform.stack.start("runtime")
    await platform.stop(agent["id"])


async def alarmed_once(platform: Platform) -> None:
    """A call of which operators are told; right after that its workflow hears that one has registered."""
    client = await Client.connect(platform.stack.temporal_address)
    agent = await platform.deployed("alarmed")
    token = await platform.token(agent["slug"])
    await platform.stack.stop("runtime")
    async with calling(token["url"], token["token"], quiet=True):

        async def told() -> bool:
            events = (await call_of(platform, token["callId"]))["events"]
            return any(each["event"] == "no_agent" for each in events)

        await eventually(told, "the alarm", seconds=60)
        await client.get_workflow_handle(call_workflow_id(token["callId"])).signal("agent_ready")
        await asyncio.sleep(5)
    await _keep_once_over(client, "call-alarmed-once", token["callId"])
    await platform.stack.start("runtime")
    await platform.stop(agent["id"])


async def is_over(platform: Platform) -> None:
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
    await keep(client, "call-with-steps", handle.id)
    body = {"calls": [token["callId"]], "steps": ["transcript", "cost"]}
    again = await platform.call("POST", "/api/calls/reprocess", body, expect=202)
    pages = client.get_workflow_handle(reprocess_workflow_id(again["id"]))
    first = await pages.describe()
    await pages.result()
    await keep(client, "reprocess", pages.id)
    await keep(client, "reprocess-page", pages.id, first.run_id)
    after = after_workflow_id(token["callId"], run.run_id)
    await client.get_workflow_handle(after).result()  # a step that fails takes its time: some ten minutes
    await keep(client, "after", after)
    await platform.stop(agent["id"])
