"""Deployments that no workflow knows: what becomes of them is told like everything else."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from common.status import Status
from db.engine import Database
from db.models import AgentRow, DeploymentRow
from db.repositories.agents import AgentRepository
from db.repositories.deployments import DeploymentRepository, NewTransition
from db.repositories.unstarted import AgentBefore, UnstartedRepository
from tests.db.outbox import told

pytestmark = pytest.mark.integration

AWAY = "Temporal does not answer."
LOST = "Temporal knows nothing of this deployment."


@pytest.fixture
async def accepted(database: Database, agent: AgentRow) -> DeploymentRow:
    """A deployment of which no workflow has said anything."""
    async with database.begin() as db_session:
        agents = AgentRepository(db_session, database.box)
        locked = await agents.get(str(agent.id), lock=True)
        version = await agents.publish(locked, "ann")
        row, _ = await DeploymentRepository(db_session).create(locked, uuid.uuid4(), version.number, 1, "ann")
    return row


async def _history(database: Database, deployment_id: UUID) -> list[tuple[str, str, str | None]]:
    async with database.begin() as db_session:
        found = await DeploymentRepository(db_session).transitions(deployment_id)
    return [(each.status, each.actor, each.reason) for each in found]


async def _events(database: Database) -> list[tuple[str, Any]]:
    return [(each.kind, each.data["reason"]) for each in await told(database)]


async def _fail(database: Database, deployment_id: UUID) -> bool:
    async with database.begin() as db_session:
        before = AgentBefore("draft", None, None)
        return await UnstartedRepository(db_session).fail(deployment_id, AWAY, before)


async def test_one_that_temporal_did_not_take_has_failed_in_its_history_and_for_others(
    database: Database, accepted: DeploymentRow
) -> None:
    assert await _fail(database, accepted.id)
    assert await _history(database, accepted.id) == [("validating", "ann", None), ("failed", "ann", AWAY)]
    assert await _events(database) == [("deployment.validating", None), ("deployment.failed", AWAY)]


async def test_what_its_workflow_tells_counts_if_it_was_taken_after_all(
    database: Database, accepted: DeploymentRow
) -> None:
    await _fail(database, accepted.id)
    at = datetime.now(UTC)
    starting = NewTransition(2, at, Status.STARTING, "ann", None, 1)
    running = NewTransition(3, at, Status.RUNNING, "ann", None, 1)
    for _ in range(2):
        async with database.begin() as db_session:
            await DeploymentRepository(db_session).record(accepted.id, [starting, running])
    assert not await _fail(database, accepted.id)
    history = await _history(database, accepted.id)
    assert [status for status, *_ in history] == ["validating", "starting", "running"]
    kinds = [kind.removeprefix("deployment.") for kind, _ in await _events(database)]
    assert kinds == ["validating", "failed", "starting", "running"]


async def test_how_it_failed_is_told_by_its_workflow_if_it_was_taken_after_all(
    database: Database, accepted: DeploymentRow
) -> None:
    await _fail(database, accepted.id)
    failed = NewTransition(2, datetime.now(UTC), Status.FAILED, "ann", "A key was refused.", 1)
    for _ in range(2):
        async with database.begin() as db_session:
            await DeploymentRepository(db_session).record(accepted.id, [failed])
    assert (await _history(database, accepted.id))[1:] == [("failed", "ann", "A key was refused.")]
    assert [reason for _, reason in await _events(database)] == [None, AWAY, "A key was refused."]


async def test_one_that_is_given_up_has_stopped_in_its_history_and_for_others(
    database: Database, accepted: DeploymentRow
) -> None:
    async with database.begin() as db_session:
        locked = await AgentRepository(db_session, database.box).get(str(accepted.agent_id), lock=True)
        await UnstartedRepository(db_session).give_up(locked, "bob", LOST)
    assert await _history(database, accepted.id) == [("validating", "ann", None), ("stopped", "bob", LOST)]
    assert await _events(database) == [("deployment.validating", None), ("deployment.stopped", LOST)]
    async with database.begin() as db_session:
        row = await DeploymentRepository(db_session).get(accepted.id)
        agent = await AgentRepository(db_session, database.box).get(str(accepted.agent_id))
    assert (row.status, row.reason, row.sequence) == ("stopped", LOST, 2)
    assert (agent.status, agent.last_error, agent.sequence) == ("stopped", LOST, 0)
