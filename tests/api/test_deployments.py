"""Deploying over HTTP, with a real Postgres; the workflow is a fake."""

from __future__ import annotations

from uuid import UUID

import pytest

from common.errors import Conflict
from common.status import Status
from db.models import TransitionRow
from db.repositories.deployments import DeploymentRepository
from tests.api.conftest import Client, FakeWorkflows
from tests.api.helpers import CONFIG, deploy, deploys, make_agent, make_live, report, unique
from tests.api.test_http import problem
from workflows.types import DeployRequest, StopRequest

pytestmark = pytest.mark.integration


async def test_deploy_publishes_the_draft_once(client: Client, workflows: FakeWorkflows) -> None:
    agent = await make_agent(client)
    first = await deploy(client, agent)
    assert (first["version"], first["status"]) == (1, "validating")
    assert (first["actor"], first["replicas"]) == ("api-key", 1)
    assert first["workflowUrl"].endswith(f"/namespaces/default/workflows/agent-{agent['id']}")
    (request,) = deploys(workflows)
    assert request == DeployRequest(first["id"], 1, 1, "api-key", 3600.0, promptly=True, tells_replicas=True)
    assert (await deploy(client, agent))["version"] == 1
    await client.patch(f"/api/agents/{agent['id']}", json={"config": CONFIG | {"greeting": "New"}})
    assert (await deploy(client, agent, replicas=4))["version"] == 2
    assert (await deploy(client, agent, version=1))["version"] == 1
    assert (await deploy(client, agent))["replicas"] == 4
    assert (await client.get(f"/api/deployments/{first['id']}")).json()["version"] == 1


async def test_what_is_told_of_a_deployment_is_of_one_moment(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = await make_agent(client)
    shown = await deploy(client, agent)
    transitions = DeploymentRepository.transitions

    async def late(repository: DeploymentRepository, deployment_id: UUID) -> list[TransitionRow]:
        await report(client, agent, Status.RUNNING, live=True)
        return await transitions(repository, deployment_id)

    with monkeypatch.context() as between:
        between.setattr(DeploymentRepository, "transitions", late)
        told = (await client.get(f"/api/deployments/{shown['id']}")).json()
    assert (told["status"], [each["status"] for each in told["transitions"]]) == (
        "validating",
        ["validating"],
    )
    told = (await client.get(f"/api/deployments/{shown['id']}")).json()
    assert (told["status"], told["transitions"][-1]["status"]) == ("running", "running")


async def test_calls_may_go_on_as_long_as_the_replaced_version_says(
    client: Client, workflows: FakeWorkflows
) -> None:
    agent = await make_live(client, drainSeconds=7)
    await client.patch(f"/api/agents/{agent['id']}", json={"config": CONFIG | {"drainSeconds": 99}})
    await deploy(client, agent)
    assert deploys(workflows)[-1].drain_seconds == 7


async def test_the_history_of_an_agent(client: Client) -> None:
    agent = await make_live(client)
    other = await make_live(client)
    made = [other["id"], *[(await deploy(client, agent, replicas=n))["id"] for n in (2, 3)]]
    await report(client, agent, Status.FAILED, live=True)
    path = f"/api/agents/{agent['slug']}/deployments"
    first = (await client.get(path, params={"limit": 2})).json()
    assert [item["id"] for item in first["items"]] == [made[2], made[1]]
    newest = first["items"][0]
    assert newest == (await client.get(f"/api/deployments/{made[2]}")).json()
    assert [each["status"] for each in newest["transitions"]] == ["validating", "failed"]
    assert newest["workflowUrl"].endswith(f"/workflows/agent-{agent['id']}")
    rest = (await client.get(path, params={"limit": 2, "cursor": first["nextCursor"]})).json()
    assert [each["status"] for each in rest["items"][0]["transitions"]] == ["validating", "running"]
    assert (len(rest["items"]), rest["nextCursor"]) == (1, None)
    assert (await client.get(path)).json()["nextCursor"] is None
    never = await make_agent(client)
    empty = (await client.get(f"/api/agents/{never['id']}/deployments")).json()
    assert empty == {"items": [], "nextCursor": None}
    problem(await client.get(f"/api/agents/{unique()}/deployments"), 404)
    problem(await client.get(path, params={"cursor": "rubbish"}), 400)


@pytest.mark.parametrize(
    "body",
    [
        {"replicas": 0},
        {"replicas": 21},
        {"replicas": "2"},
        {"version": 0},
        {"version": 2**40},
        {"draft": 1},
        {"note": " "},
        {"note": "x" * 1001},
        {"note": "a\x00"},
    ],
)
async def test_rubbishdeploys(client: Client, workflows: FakeWorkflows, body: dict[str, object]) -> None:
    agent = await make_agent(client)
    content = problem(await client.post(f"/api/agents/{agent['id']}/deploy", json=body), 400)
    assert [error["pointer"] for error in content["errors"]] == [f"/{next(iter(body))}"]
    assert not workflows.asked


async def test_the_history_says_why(client: Client, workflows: FakeWorkflows) -> None:
    agent = await make_live(client)
    made = await deploy(client, agent, version=1, note="Back to what works.")
    assert made["transitions"][0]["reason"] == "Back to what works."
    assert deploys(workflows)[-1].note == "Back to what works."
    path = f"/api/agents/{agent['id']}"
    for verb in ("retry", "stop"):
        problem(await client.post(f"{path}/{verb}", json={"note": " "}), 400)
        response = await client.post(f"{path}/{verb}", json={"note": "Enough."})
        assert response.status_code == 202
        asked, request = workflows.asked[-1]
        assert (asked, request.note) == (verb, "Enough.")


async def test_unknown_versions(client: Client, workflows: FakeWorkflows) -> None:
    agent = await make_agent(client)
    problem(await client.post(f"/api/agents/{agent['id']}/deploy", json={"version": 9}), 404)
    assert not workflows.asked


async def test_an_incomplete_config_starts_nothing(client: Client, workflows: FakeWorkflows) -> None:
    agent = await make_agent(client, livekitConfig={"url": "wss://own.example", "apiKey": "k"})
    problem(await client.post(f"/api/agents/{agent['id']}/deploy", json={}), 400)
    shown = (await client.get(f"/api/agents/{agent['id']}")).json()
    assert (shown["status"], shown["deployment"]) == ("draft", None)
    assert not workflows.asked


async def test_the_workflows_refusal_is_a_conflict(client: Client, workflows: FakeWorkflows) -> None:
    agent = await make_live(client)
    workflows.failure = Conflict("Nothing failed, so there is nothing to retry.")
    content = problem(await client.post(f"/api/agents/{agent['id']}/retry", json={}), 409)
    assert content["detail"] == "Nothing failed, so there is nothing to retry."


@pytest.mark.parametrize(
    ("body", "seconds"), [({}, 3600.0), ({"drain": True}, 3600.0), ({"drain": False}, 0.0)]
)
async def test_stop(client: Client, workflows: FakeWorkflows, body: dict[str, bool], seconds: float) -> None:
    agent = await make_live(client)
    response = await client.post(f"/api/agents/{agent['id']}/stop", json=body)
    assert response.status_code == 202
    assert response.json()["drainSeconds"] == seconds
    assert workflows.asked[-1] == ("stop", StopRequest("api-key", seconds))


async def test_what_never_ran_can_not_be_stopped(client: Client) -> None:
    agent = await make_agent(client)
    problem(await client.post(f"/api/agents/{agent['id']}/stop", json={}), 409)
    problem(await client.post(f"/api/agents/{agent['id']}/retry", json={}), 409)
