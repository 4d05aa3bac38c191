"""Wishes to do steps again, with a real Postgres and without Temporal."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus

from common.settings import Settings
from db.engine import Database
from db.repositories.reprocesses import ReprocessRepository, Wanted
from tests.api.conftest import Client, platform_of
from tests.api.test_http import problem
from tests.workflows.conftest import temporal_server
from workflows import policy
from workflows.reprocess_wishes import Reprocessing

pytestmark = pytest.mark.integration

CALL = str(uuid.uuid4())


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/steps"),
        ({"steps": [], "calls": [CALL]}, "/steps"),
        ({"steps": ["summry"], "calls": [CALL]}, "/steps/0"),
        ({"steps": ["cost", "cost"], "calls": [CALL]}, "/steps"),
        ({"steps": ["cost"]}, ""),
        ({"steps": ["cost"], "calls": [CALL], "filter": {}}, ""),
        ({"steps": ["cost"], "calls": []}, "/calls"),
        ({"steps": ["cost"], "calls": ["x"]}, "/calls/0"),
        ({"steps": ["cost"], "filter": {"status": "over"}}, "/filter/status"),
        ({"steps": ["cost"], "filter": {"from": "soon"}}, "/filter/from"),
        ({"steps": ["cost"], "filter": {"since": "2026-01-31T12:00:00Z"}}, "/filter/since"),
    ],
)
async def test_wishes_that_can_not_be_say_where(client: Client, body: Any, pointer: str) -> None:
    errors = problem(await client.post("/api/calls/reprocess", json=body), 400)["errors"]
    assert [error["pointer"] for error in errors] == [pointer]


async def test_a_wish_while_temporal_is_away_is_written_and_the_same_again_is_one(
    client: Client, settings: Settings
) -> None:
    body = {"steps": ["cost", "summary"], "calls": [CALL, str(uuid.uuid4())]}
    problem(await client.post("/api/calls/reprocess", json=body), 503)
    swapped = {"steps": body["steps"][::-1], "calls": body["calls"][::-1]}
    problem(await client.post("/api/calls/reprocess", json=swapped), 503)
    database = Database.connect(settings.database_url, settings.bionic_master_key.get_secret_value())
    async with database.begin() as db_session:
        wanted = Wanted(calls=[uuid.UUID(each) for each in body["calls"]])
        row = await ReprocessRepository(db_session).begin(wanted, body["steps"], "tester")
        assert row.actor == "api-key"
    await database.close()
    shown = (await client.get(f"/api/reprocess/{row.id}")).json()
    assert (shown["status"], shown["total"], shown["done"]) == ("running", 0, 0)
    assert shown["steps"] == ["cost", "summary"]


async def test_an_unknown_agent_or_wish_is_not_found(client: Client) -> None:
    body = {"steps": ["cost"], "filter": {"agent": "nobody"}}
    problem(await client.post("/api/calls/reprocess", json=body), 404)
    problem(await client.get(f"/api/reprocess/{uuid.uuid4()}"), 404)
    problem(await client.get("/api/reprocess/x"), 404)


async def test_a_wish_begins_when_temporal_is_back_and_ends_with_its_workflow(client: Client) -> None:
    body = {"steps": ["cost"], "calls": [str(uuid.uuid4())]}
    problem(await client.post("/api/calls/reprocess", json=body), 503)
    async with temporal_server() as temporal:
        service = replace(platform_of(client).reprocessing, workflows=Reprocessing(temporal))
        async with service.postgres.begin() as db_session:
            wanted = Wanted(calls=[uuid.UUID(each) for each in body["calls"]])
            row = await ReprocessRepository(db_session).begin(wanted, body["steps"], "tester")
        handle = temporal.get_workflow_handle(policy.reprocess_workflow_id(str(row.id)))
        for _ in range(2):
            assert await service.sweep() == 0
            described = await handle.describe()
            assert described.status is WorkflowExecutionStatus.RUNNING
        assert (await service.get(str(row.id))).status == "running"

        await handle.terminate("it costs too much")
        assert await service.sweep() == 1
        found = await service.get(str(row.id))
        assert (found.status, found.error) == ("failed", "Its workflow was ended in Temporal.")
        assert await service.sweep() == 0
        assert (await handle.describe()).run_id == described.run_id, "it is not begun again"
