"""Deploying over HTTP, with a real Postgres; the workflow is a fake."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, text, update

from api.schemas.deployments import DeployBody
from api.services.leftovers import Leftovers
from common.errors import Conflict, Unavailable
from common.settings import Settings
from common.status import Status
from db.models import AgentRow, DeploymentRow
from tests.api.conftest import (
    KEY_HEADER,
    Client,
    FakeWorkflows,
    platform_of,
    serving,
    with_workflows,
)
from tests.api.helpers import CONFIG, OWN_LIVEKIT, deploy, make_agent, make_live, report, unique
from tests.api.test_http import problem
from workflows.types import DeploymentState, DeployRequest, StopRequest

pytestmark = pytest.mark.integration

AWAY = "Temporal does not answer."


def _deploys(workflows: FakeWorkflows) -> list[DeployRequest]:
    return [request for what, request in workflows.asked if what == "deploy"]


async def test_deploy_publishes_the_draft_once(client: Client, workflows: FakeWorkflows) -> None:
    agent = await make_agent(client)
    first = await deploy(client, agent)
    assert (first["version"], first["status"]) == (1, "validating")
    assert (first["actor"], first["replicas"]) == ("api-key", 1)
    assert first["workflowUrl"].endswith(f"/namespaces/default/workflows/agent-{agent['id']}")
    (request,) = _deploys(workflows)
    assert request == DeployRequest(first["id"], 1, 1, "api-key", 3600.0, promptly=True)
    assert (await deploy(client, agent))["version"] == 1
    await client.patch(f"/api/agents/{agent['id']}", json={"config": CONFIG | {"greeting": "New"}})
    assert (await deploy(client, agent, replicas=4))["version"] == 2
    assert (await deploy(client, agent, version=1))["version"] == 1
    assert (await deploy(client, agent))["replicas"] == 4
    assert (await client.get(f"/api/deployments/{first['id']}")).json()["version"] == 1


async def test_calls_may_go_on_as_long_as_the_replaced_version_says(
    client: Client, workflows: FakeWorkflows
) -> None:
    agent = await make_live(client, drainSeconds=7)
    await client.patch(f"/api/agents/{agent['id']}", json={"config": CONFIG | {"drainSeconds": 99}})
    await deploy(client, agent)
    assert _deploys(workflows)[-1].drain_seconds == 7


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
        {"note": "n", "version": 1},
    ],
)
async def test_rubbish_deploys(client: Client, workflows: FakeWorkflows, body: dict[str, object]) -> None:
    agent = await make_agent(client)
    content = problem(await client.post(f"/api/agents/{agent['id']}/deploy", json=body), 400)
    assert [error["pointer"] for error in content["errors"]] == [f"/{next(iter(body))}"]
    assert not workflows.asked


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


async def test_temporal_away_fails_the_deployment_with_its_reason(
    client: Client, workflows: FakeWorkflows
) -> None:
    agent = await make_agent(client)
    workflows.failure = Unavailable(AWAY)
    problem(await client.post(f"/api/agents/{agent['id']}/deploy", json={}), 503)
    shown = (await client.get(f"/api/agents/{agent['id']}")).json()
    assert (shown["status"], shown["lastError"]) == ("failed", AWAY)
    assert (shown["deployment"]["status"], shown["deployment"]["reason"]) == (
        "failed",
        AWAY,
    )
    workflows.failure = None
    response = await client.post(f"/api/agents/{agent['id']}/retry", json={})
    assert response.status_code == 202
    assert len(_deploys(workflows)) == 1


async def test_what_failed_beside_an_old_workflow_is_deployed_anew(
    client: Client, workflows: FakeWorkflows
) -> None:
    agent = await make_live(client)
    await report(client, agent, Status.STOPPED, live=False)
    await client.patch(f"/api/agents/{agent['id']}", json={"config": CONFIG | {"greeting": "New"}})
    workflows.failure = Unavailable(AWAY)
    problem(await client.post(f"/api/agents/{agent['id']}/deploy", json={"replicas": 2}), 503)
    workflows.failure = None
    workflows.asked.clear()
    response = await client.post(f"/api/agents/{agent['id']}/retry", json={})
    assert response.status_code == 202
    (request,) = _deploys(workflows)
    assert (request.version, request.replicas) == (2, 2)
    assert [what for what, _ in workflows.asked] == ["deploy"]


async def test_temporal_away_leaves_a_live_agent_as_it_is(client: Client, workflows: FakeWorkflows) -> None:
    agent = await make_live(client)
    before = (await client.get(f"/api/agents/{agent['id']}")).json()
    workflows.failure = Unavailable(AWAY)
    problem(await client.post(f"/api/agents/{agent['id']}/deploy", json={}), 503)
    after = (await client.get(f"/api/agents/{agent['id']}")).json()
    assert after["deployment"] == before["deployment"]
    assert (after["status"], after["liveVersion"], after["lastError"]) == (
        "running",
        1,
        AWAY,
    )


async def test_a_late_failure_does_not_overwrite_the_workflow(client: Client) -> None:
    """The RPC timed out here, and yet the workflow took the deployment."""
    agent = await make_agent(client)

    class Late(FakeWorkflows):
        async def deploy(
            self, agent_id: str, slug: str, name: str, request: DeployRequest
        ) -> DeploymentState:
            await report(client, agent, Status.RUNNING, live=True)
            raise Unavailable(AWAY)

    deployments = with_workflows(platform_of(client), Late()).deployments
    with pytest.raises(Unavailable):
        await deployments.deploy(agent["id"], DeployBody(), "api-key")
    shown = (await client.get(f"/api/agents/{agent['id']}")).json()
    assert (shown["status"], shown["deployment"]["status"]) == ("running", "running")


async def test_no_temporal_at_all(settings: Settings) -> None:
    async with serving(settings) as client:
        client.headers.update(KEY_HEADER)
        agent = await make_agent(client)
        for wish in ("deploy", "stop", "retry"):
            response = await client.post(f"/api/agents/{agent['id']}/{wish}", json={})
            assert "Temporal" in problem(response, 503)["detail"]


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
    assert workflows.asked[-1] == ("stop", StopRequest("api-key", seconds))


async def test_what_never_ran_can_not_be_stopped(client: Client) -> None:
    agent = await make_agent(client)
    problem(await client.post(f"/api/agents/{agent['id']}/stop", json={}), 409)
    problem(await client.post(f"/api/agents/{agent['id']}/retry", json={}), 409)


async def test_what_temporal_lost_can_be_stopped_deployed_and_deleted(
    client: Client, workflows: FakeWorkflows
) -> None:
    agent = await make_live(client)
    await deploy(client, agent)
    await report(client, agent, Status.STARTING, live=True)
    workflows.running.clear()
    stopped = (await client.post(f"/api/agents/{agent['id']}/stop", json={})).json()
    lost = "Temporal knows nothing of this deployment."
    assert (stopped["status"], stopped["reason"]) == ("stopped", lost)
    last = stopped["transitions"][-1]
    assert (last["status"], last["reason"], last["actor"]) == ("stopped", lost, "api-key")
    shown = (await client.get(f"/api/agents/{agent['id']}")).json()
    assert (shown["status"], shown["liveVersion"], shown["lastError"]) == ("stopped", None, lost)
    history = (await client.get(f"/api/agents/{agent['id']}/deployments")).json()["items"]
    assert [item["status"] for item in history] == ["stopped", "stopped"]
    problem(await client.post(f"/api/agents/{agent['id']}/stop", json={}), 409)
    await deploy(client, agent)
    async with platform_of(client).agents.postgres.begin() as db_session:
        row = await db_session.get_one(AgentRow, UUID(agent["id"]))
        assert row.sequence == 0  # so that the new workflow's first report counts
    await report(client, agent, Status.RUNNING, live=True)
    workflows.running.clear()
    assert (await client.post(f"/api/agents/{agent['id']}/stop", json={})).status_code == 202
    assert (await client.delete(f"/api/agents/{agent['id']}")).status_code == 204


async def test_what_is_being_handed_over_is_not_lost(client: Client, workflows: FakeWorkflows) -> None:
    agent = await make_agent(client)
    await deploy(client, agent)
    workflows.running.clear()
    problem(await client.post(f"/api/agents/{agent['id']}/stop", json={}), 409)
    shown = (await client.get(f"/api/agents/{agent['id']}")).json()
    assert shown["status"] == "validating"


async def test_the_same_registration_is_one_deployment(client: Client, workflows: FakeWorkflows) -> None:
    body = {"name": unique("Order Line"), "config": CONFIG | {"livekitConfig": OWN_LIVEKIT}}
    first = await client.post("/api/agents/register", json=body)
    assert first.status_code == 202
    assert set(first.json()) == {"agentId", "deploymentId", "status"}
    assert (await client.post("/api/agents/register", json=body)).json() == first.json()
    by_id = body | {"agentId": first.json()["agentId"]}
    assert (await client.post("/api/agents/register", json=by_id)).json() == first.json()
    assert len(_deploys(workflows)) == 1
    changed = body | {"config": CONFIG | {"greeting": "Other"}}
    second = await client.post("/api/agents/register", json=changed)
    assert second.json()["agentId"] == first.json()["agentId"]
    assert second.json()["deploymentId"] != first.json()["deploymentId"]


async def test_registrations_at_once_are_one_deployment(client: Client, workflows: FakeWorkflows) -> None:
    body = {"name": unique(), "config": CONFIG}
    answers = await asyncio.gather(*(client.post("/api/agents/register", json=body) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["deploymentId"] for answer in answers}) == 1
    assert len(_deploys(workflows)) == 1


async def test_a_registration_again_after_a_failure_is_a_new_deployment(
    client: Client, workflows: FakeWorkflows
) -> None:
    body = {"agentId": str(uuid4()), "name": unique(), "config": CONFIG}
    workflows.failure = Unavailable(AWAY)
    problem(await client.post("/api/agents/register", json=body), 503)
    workflows.failure = None
    again = await client.post("/api/agents/register", json=body)
    assert again.json()["agentId"] == body["agentId"]
    assert len(_deploys(workflows)) == 1


@pytest.mark.parametrize("status", [Status.DRAINING, Status.STOPPED, Status.FAILED])
async def test_a_registration_after_a_stop_is_a_new_deployment(client: Client, status: Status) -> None:
    body = {"name": unique(), "config": CONFIG}
    first = (await client.post("/api/agents/register", json=body)).json()
    await report(client, {"id": first["agentId"]}, Status.RUNNING, live=True)
    assert (await client.post("/api/agents/register", json=body)).json() == first | {"status": "running"}
    await report(client, {"id": first["agentId"]}, status, live=False)
    again = (await client.post("/api/agents/register", json=body)).json()
    assert again["agentId"] == first["agentId"]
    assert again["deploymentId"] != first["deploymentId"]


async def test_a_registration_that_is_wrong_saves_nothing(client: Client) -> None:
    for body in (
        {"agentId": "No Slug!", "name": "x", "config": CONFIG},
        {"name": unique("zz"), "config": {}},
    ):
        problem(await client.post("/api/agents/register", json=body), 400)
    items = (await client.get("/api/agents")).json()["items"]
    assert not [item for item in items if item["slug"].startswith("zz")]


async def test_what_a_crash_left_behind_is_started_once(client: Client, workflows: FakeWorkflows) -> None:
    agent = await make_agent(client)
    deployment = await deploy(client, agent)
    leftovers = Leftovers(platform_of(client).deployments)

    async def started() -> int:
        workflows.asked.clear()
        await leftovers.sweep()  # other tests leave deployments behind as well
        return [request.deployment_id for request in _deploys(workflows)].count(deployment["id"])

    assert await started() == 0  # young: its request may still be under way
    async with platform_of(client).agents.postgres.begin() as db_session:
        old = func.now() - text("interval '1 minute'")
        await db_session.execute(
            update(DeploymentRow).where(DeploymentRow.id == deployment["id"]).values(created_at=old)
        )
    assert await started() == 1
    await report(client, agent, Status.STARTING, live=False)
    assert await started() == 0
