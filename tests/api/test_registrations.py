"""Registering agents over HTTP, which saves and deploys, with a real Postgres; the workflow is a fake."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from common.errors import Unavailable
from common.status import Status
from tests.api.conftest import Client, FakeWorkflows
from tests.api.helpers import CONFIG, OWN_LIVEKIT, deploys, report, unique
from tests.api.test_http import problem

pytestmark = pytest.mark.integration


async def test_the_same_registration_is_one_deployment(client: Client, workflows: FakeWorkflows) -> None:
    body = {"name": unique("Order Line"), "config": CONFIG | {"livekitConfig": OWN_LIVEKIT}}
    first = await client.post("/api/agents/register", json=body)
    assert first.status_code == 202
    assert set(first.json()) == {"agentId", "deploymentId", "status"}
    assert (await client.post("/api/agents/register", json=body)).json() == first.json()
    by_id = body | {"agentId": first.json()["agentId"]}
    assert (await client.post("/api/agents/register", json=by_id)).json() == first.json()
    assert len(deploys(workflows)) == 1
    changed = body | {"config": CONFIG | {"greeting": "Other"}}
    second = await client.post("/api/agents/register", json=changed)
    assert second.json()["agentId"] == first.json()["agentId"]
    assert second.json()["deploymentId"] != first.json()["deploymentId"]


async def test_registrations_at_once_are_one_deployment(client: Client, workflows: FakeWorkflows) -> None:
    body = {"name": unique(), "config": CONFIG}
    answers = await asyncio.gather(*(client.post("/api/agents/register", json=body) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["deploymentId"] for answer in answers}) == 1
    assert len(deploys(workflows)) == 1


async def test_a_registration_again_after_a_failure_is_a_new_deployment(
    client: Client, workflows: FakeWorkflows
) -> None:
    body = {"agentId": str(uuid4()), "name": unique(), "config": CONFIG}
    workflows.failure = Unavailable("Temporal does not answer.")
    problem(await client.post("/api/agents/register", json=body), 503)
    workflows.failure = None
    again = await client.post("/api/agents/register", json=body)
    assert again.json()["agentId"] == body["agentId"]
    assert len(deploys(workflows)) == 1


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
