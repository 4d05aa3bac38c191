"""What Temporal's UI tells of an agent and of its replicas, read back from the real Temporal."""

from __future__ import annotations

import pytest
from temporalio.client import Client

from tests.support.caller import calling
from tests.support.platform import Json, Platform, offline_config
from tests.support.temporal import details, found_as, heartbeat, search, summaries
from tests.support.waiting import eventually
from workflows.policy import HEARTBEAT, agent_workflow_id, replica_workflow_id
from workflows.types import HostDetails

pytestmark = pytest.mark.integration

BEATS = 3 * HEARTBEAT.total_seconds()


@pytest.fixture
async def temporal(platform: Platform) -> Client:
    """What the UI asks."""
    return await Client.connect(platform.stack.temporal_address)


async def _finds(client: Client, agent: Json, status: str) -> None:
    """A search for the agent by its status finds its workflow alone; one by any other finds none."""
    slug = f'AgentSlug = "{agent["slug"]}"'

    async def found() -> bool:
        return await search(client, f'AgentStatus = "{status}" AND {slug}') == [
            agent_workflow_id(agent["id"])
        ]

    await eventually(found, f"a search for the agent as {status}")
    assert await search(client, f'AgentStatus != "{status}" AND {slug}') == []


async def test_an_agents_workflow_is_found_by_how_it_is_and_says_so(
    platform: Platform, temporal: Client
) -> None:
    agent = await platform.deployed("told")
    workflow = temporal.get_workflow_handle(agent_workflow_id(agent["id"]))
    await _finds(temporal, agent, "running")
    assert await found_as(workflow) == {
        "AgentSlug": agent["slug"],
        "AgentStatus": "running",
        "AgentVersion": 1,
        "DeploymentId": agent["deployment"]["id"],
    }
    assert await (await workflow.describe()).static_summary() == "told"
    assert (await details(workflow)).splitlines() == [
        f"**{agent['slug']}** is **running**",
        "- live version: 1",
        "- version 1: running, attempt 1",
        "- asked for by api-key",
    ]

    async def told() -> bool:
        return (await summaries(workflow))[-1] == "running"

    await eventually(told, "the record of the last transition")
    assert list(dict.fromkeys(await summaries(workflow))) == [
        "told",
        "version 1: config, providers, LiveKit",
        f"{agent['slug']} v1 replica 1",
        "replicas register with LiveKit",
        "running",
    ]

    await platform.stop(agent["id"])
    await _finds(temporal, agent, "stopped")
    assert (await found_as(workflow))["AgentStatus"] == "stopped"
    assert (await details(workflow)).startswith(f"**{agent['slug']}** is **stopped**\n- live version: none\n")
    assert (await summaries(workflow))[-1] == "stopped"


async def test_a_version_that_replaces_another_is_found_by_its_number(
    platform: Platform, temporal: Client
) -> None:
    agent = await platform.deployed("replaced")
    path = f"/api/agents/{agent['id']}"
    await platform.call("PATCH", path, {"config": offline_config(greeting="The second version.")})
    second = await platform.call("POST", f"{path}/deploy", {}, expect=202)

    workflow = temporal.get_workflow_handle(agent_workflow_id(agent["id"]))
    newest = {"AgentStatus": "running", "AgentVersion": 2, "DeploymentId": second["id"]}

    async def found() -> bool:
        return await found_as(workflow) == {"AgentSlug": agent["slug"], **newest}

    await eventually(found, f"the agent found as {newest}")
    await platform.stop(agent["id"])


async def test_a_failure_is_told_with_its_reason(platform: Platform, temporal: Client) -> None:
    nowhere = {"url": "ws://127.0.0.1:9", "apiKey": "key", "apiSecret": "secret-of-32-characters-and-more"}
    agent = await platform.create("told-why", livekitConfig=nowhere)
    await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {}, expect=202)
    failed = await platform.reaches(agent["id"], "failed")
    workflow = temporal.get_workflow_handle(agent_workflow_id(agent["id"]))
    assert (await details(workflow)).splitlines()[-1] == f"- {failed['lastError']}"
    await _finds(temporal, agent, "failed")


async def test_a_replicas_workflow_tells_of_its_host_and_its_calls(
    platform: Platform, temporal: Client
) -> None:
    agent = await platform.deployed("beating")
    workflow = temporal.get_workflow_handle(replica_workflow_id(agent["id"], 1, 1))
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")

        async def busy() -> HostDetails | None:
            said = await heartbeat(workflow)
            return said if said and said.active_calls else None

        said = await eventually(busy, "a heartbeat that tells of the call", seconds=BEATS)
        assert (said.connected, said.active_calls, said.calls_taken, said.reason) == (True, 1, 1, None)
        assert said.worker_id.startswith("AW_")
        assert said.host in {host["name"] for host in (await platform.call("GET", "/api/hosts"))["items"]}
        title = f"**{agent['slug']}** version 1, replica 1\n- "
        assert (
            await details(workflow)
            == f"{title}registered and kept so by `host_agent`: its heartbeat tells how it is"
        )

    async def quiet() -> bool:
        said = await heartbeat(workflow)
        return bool(said and (said.active_calls, said.calls_taken) == (0, 1))

    await eventually(quiet, "a heartbeat after the call", seconds=BEATS)
    await platform.stop(agent["id"])
    assert await workflow.result()
    assert await details(workflow) == f"{title}ended: **stopped**"
    assert await summaries(workflow) == [
        f"{agent['slug']} v1 replica 1",
        f"{agent['slug']} v1 registered with LiveKit",
        "drain up to 0 s",
    ]
