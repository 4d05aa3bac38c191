"""Rolling back over HTTP, with a real Postgres; the workflow is a fake."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from common.errors import Unavailable
from common.status import Status
from tests.api.conftest import Client, FakeWorkflows
from tests.api.helpers import CONFIG, deploy, make_agent, make_live, report, unique
from tests.api.test_http import problem

pytestmark = pytest.mark.integration


async def rollback(client: Client, agent: dict[str, Any], **body: Any) -> httpx.Response:
    """The answer to a rollback."""
    return await client.post(f"/api/agents/{agent['id']}/rollback", json=body or None)


async def rolled_back(client: Client, agent: dict[str, Any], **body: Any) -> dict[str, Any]:
    """The deployment of a rollback."""
    response = await rollback(client, agent, **body)
    assert response.status_code == 202, response.text
    deployment: dict[str, Any] = response.json()
    assert deployment["kind"] == "rollback"
    return deployment


async def next_version(client: Client, agent: dict[str, Any], **body: Any) -> None:
    """Deploy one version more."""
    greeting = unique("Hello")
    await client.patch(f"/api/agents/{agent['id']}", json={"config": CONFIG | {"greeting": greeting}})
    await deploy(client, agent, **body)


async def make_live_at(client: Client, version: int, **body: Any) -> dict[str, Any]:
    """An agent whose versions up to `version` were live one after the other."""
    agent = await make_live(client)
    for _ in range(version - 1):
        await next_version(client, agent, **body)
        await report(client, agent, Status.RUNNING, live=True)
    return agent


async def test_back_to_the_version_before(client: Client, workflows: FakeWorkflows) -> None:
    agent = await make_live_at(client, 2, replicas=3)
    path = f"/api/agents/{agent['id']}"
    draft = (await client.get(path)).json()["config"]
    back = await rolled_back(client, agent)
    assert (back["version"], back["status"], back["replicas"]) == (1, "validating", 3)
    assert back["actor"] == "api-key"
    _, request = workflows.asked[-1]
    assert (request.deployment_id, request.version, request.replicas) == (back["id"], 1, 3)
    await report(client, agent, Status.RUNNING, live=True)
    shown = (await client.get(path)).json()
    assert (shown["liveVersion"], shown["config"]) == (1, draft)
    history = (await client.get(f"{path}/deployments")).json()["items"]
    assert [(item["kind"], item["version"]) for item in history] == [
        ("rollback", 1),
        ("deploy", 2),
        ("deploy", 1),
    ]
    assert (await rolled_back(client, agent))["version"] == 2  # back from going back


async def test_back_to_a_version_that_is_named(client: Client) -> None:
    agent = await make_live_at(client, 3)
    assert (await rolled_back(client, agent, version=1))["version"] == 1
    problem(await rollback(client, agent, version=9), 404)
    for body in ({"version": 0}, {"version": "1"}, {"version": 2**31}, {"replicas": 1}):
        content = problem(await client.post(f"/api/agents/{agent['id']}/rollback", json=body), 400)
        assert [error["pointer"] for error in content["errors"]] == [f"/{next(iter(body))}"]


async def test_what_can_not_be_rolled_back_says_why(client: Client, workflows: FakeWorkflows) -> None:
    problem(await client.post(f"/api/agents/{unique()}/rollback"), 404)
    agent = await make_agent(client)
    assert "never deployed" in problem(await rollback(client, agent), 409)["detail"]
    assert "never deployed" in problem(await rollback(client, agent, version=1), 409)["detail"]
    await deploy(client, agent)
    assert "nothing to go back to" in problem(await rollback(client, agent), 409)["detail"]
    await report(client, agent, Status.RUNNING, live=True)
    assert "nothing to go back to" in problem(await rollback(client, agent), 409)["detail"]
    assert "live already" in problem(await rollback(client, agent, version=1), 409)["detail"]
    assert [what for what, _ in workflows.asked] == ["deploy"]


async def test_versions_that_never_ran_are_passed_over(client: Client) -> None:
    agent = await make_live(client)
    await next_version(client, agent)
    await report(client, agent, Status.FAILED, live=False)
    await next_version(client, agent)
    await report(client, agent, Status.RUNNING, live=True)
    assert (await rolled_back(client, agent))["version"] == 1


async def test_from_a_rollout_back_to_what_is_live(client: Client) -> None:
    agent = await make_live_at(client, 2, replicas=2)
    await next_version(client, agent, replicas=5)
    back = await rolled_back(client, agent)
    assert (back["version"], back["replicas"]) == (2, 2)
    await report(client, agent, Status.RUNNING, live=True)
    await next_version(client, agent)
    assert (await rolled_back(client, agent, version=2))["version"] == 2


async def test_from_what_failed_or_was_stopped_back_to_what_ran(client: Client) -> None:
    for status in (Status.FAILED, Status.DRAINING, Status.STOPPED):
        agent = await make_live_at(client, 2)
        await report(client, agent, status, live=False)
        assert (await rolled_back(client, agent))["version"] == 1


async def test_asking_twice_is_asking_once(client: Client, workflows: FakeWorkflows) -> None:
    agent = await make_live_at(client, 3)
    first = await rolled_back(client, agent)
    assert await rolled_back(client, agent) == first
    assert await rolled_back(client, agent, version=2) == first
    await report(client, agent, Status.STARTING, live=False)
    assert (await rolled_back(client, agent))["id"] == first["id"]
    other = await rolled_back(client, agent, version=1)
    assert (other["id"] != first["id"], other["version"]) == (True, 1)
    assert len([what for what, _ in workflows.asked if what == "deploy"]) == 5


async def test_a_rollback_that_temporal_did_not_hear_of(client: Client, workflows: FakeWorkflows) -> None:
    agent = await make_live_at(client, 2)
    path = f"/api/agents/{agent['id']}"
    workflows.failure = Unavailable("Temporal does not answer.")
    problem(await rollback(client, agent), 503)
    shown = (await client.get(path)).json()
    assert (shown["status"], shown["liveVersion"], shown["deployment"]["version"]) == ("running", 2, 2)
    workflows.failure = None
    assert (await rolled_back(client, agent))["version"] == 1
    await report(client, agent, Status.STOPPED, live=False)
    workflows.failure = Unavailable("Temporal does not answer.")
    problem(await rollback(client, agent), 503)
    workflows.failure = None
    again = (await client.post(f"{path}/retry")).json()
    assert (again["kind"], again["version"], again["status"]) == ("rollback", 2, "validating")
