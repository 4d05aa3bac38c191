"""Deployments that Temporal did not take, took too late, or lost: none of them is forgotten."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, text, update

from api.schemas.deployments import DeployBody
from api.services.leftovers import Leftovers
from common.errors import Unavailable
from common.settings import Settings
from common.status import Status
from db.models import AgentRow, DeploymentRow
from tests.api.conftest import KEY_HEADER, Client, FakeWorkflows, platform_of, serving, with_workflows
from tests.api.helpers import CONFIG, deploy, deploys, make_agent, make_live, report
from tests.api.test_http import problem
from workflows.types import DeploymentState, DeployRequest

pytestmark = pytest.mark.integration

AWAY = "Temporal does not answer."


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
    assert len(deploys(workflows)) == 1


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
    (request,) = deploys(workflows)
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


async def test_a_stop_after_another_deploy_is_a_wish_of_its_own_before_anything_is_recorded(
    client: Client, workflows: FakeWorkflows
) -> None:
    agent = await make_live(client)

    async def stop() -> None:
        assert (await client.post(f"/api/agents/{agent['id']}/stop", json={})).status_code == 202

    await stop()
    await stop()
    await deploy(client, agent)
    await stop()
    workflows.failure = Unavailable(AWAY)  # it may have been taken all the same
    problem(await client.post(f"/api/agents/{agent['id']}/deploy", json={}), 503)
    workflows.failure = None
    await stop()
    first, again, second, third = workflows.seen
    assert first == again
    assert len({first, second, third}) == 3


async def test_what_is_being_handed_over_is_not_lost(client: Client, workflows: FakeWorkflows) -> None:
    agent = await make_agent(client)
    await deploy(client, agent)
    workflows.running.clear()
    problem(await client.post(f"/api/agents/{agent['id']}/stop", json={}), 409)
    shown = (await client.get(f"/api/agents/{agent['id']}")).json()
    assert shown["status"] == "validating"


async def test_what_a_crash_left_behind_is_started_once(client: Client, workflows: FakeWorkflows) -> None:
    agent = await make_agent(client)
    deployment = await deploy(client, agent, note="Longer days.")
    leftovers = Leftovers(platform_of(client).deployments)

    async def started() -> int:
        workflows.asked.clear()
        await leftovers.sweep()  # other tests leave deployments behind as well
        return [request.deployment_id for request in deploys(workflows)].count(deployment["id"])

    assert await started() == 0  # young: its request may still be under way
    await _is_old(client, deployment)
    assert await started() == 1
    (request,) = (each for each in deploys(workflows) if each.deployment_id == deployment["id"])
    assert (request.actor, request.note) == ("api-key", "Longer days.")
    await report(client, agent, Status.STARTING, live=False)
    assert await started() == 0


async def _is_old(client: Client, deployment: dict[str, Any]) -> None:
    async with platform_of(client).agents.postgres.begin() as db_session:
        old = func.now() - text("interval '1 minute'")
        await db_session.execute(
            update(DeploymentRow).where(DeploymentRow.id == deployment["id"]).values(created_at=old)
        )


async def test_what_was_left_behind_is_over_once_something_newer_was_taken(
    client: Client, workflows: FakeWorkflows
) -> None:
    agent = await make_agent(client)
    left = await deploy(client, agent)
    await _is_old(client, left)
    newer = await deploy(client, agent)
    leftovers = Leftovers(platform_of(client).deployments)
    await leftovers.sweep()
    path = f"/api/deployments/{left['id']}"
    assert (await client.get(path)).json()["status"] == "validating", "the newer one may be lost too"

    await report(client, agent, Status.STARTING, live=False)
    workflows.asked.clear()
    await leftovers.sweep()
    assert left["id"] not in {request.deployment_id for request in deploys(workflows)}
    shown = (await client.get(path)).json()
    reason = f"Superseded by version {newer['version']}, before it was begun."
    assert (shown["status"], shown["reason"]) == ("stopped", reason)
    assert [(each["status"], each["actor"]) for each in shown["transitions"]] == [
        ("validating", "api-key"),
        ("stopped", "platform"),
    ]
