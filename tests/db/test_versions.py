"""Versions on a real Postgres: in order, counted, and which of them ran."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from common.status import Status
from db.engine import Database
from db.models import AgentRow, DeploymentKind
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.deployments import DeploymentRepository, NewTransition
from db.repositories.pages import Cursor
from db.repositories.versions import VersionRepository

pytestmark = pytest.mark.integration


async def _published(database: Database, versions: int) -> AgentRow:
    """An agent with so many versions."""
    async with database.begin() as db_session:
        agents = AgentRepository(db_session, database.box)
        agent = await agents.create("A", f"v-{uuid.uuid4().hex[:8]}", StoredConfig({}, {}))
        for number in range(versions):
            agents.write_draft(agent, StoredConfig({"greeting": str(number)}, {}))
            await agents.publish(agent, "tester")
        return agent


async def _deployed(database: Database, agent: AgentRow, version: int, *statuses: Status) -> uuid.UUID:
    """A deployment that went through `statuses`."""
    async with database.begin() as db_session:
        locked = await AgentRepository(db_session, database.box).get(str(agent.id), lock=True)
        deployments = DeploymentRepository(db_session)
        row, _ = await deployments.create(locked, uuid.uuid4(), version, 1, "tester", DeploymentKind.ROLLBACK)
        steps = [
            NewTransition(number, datetime.now(UTC), status, "tester", None, 1)
            for number, status in enumerate(statuses, 2)
        ]
        if steps:
            await deployments.record(row.id, steps)
        return row.id


async def test_pages_of_versions_made_at_once_have_every_one_once(database: Database) -> None:
    agent = await _published(database, 5)  # in one transaction: all have one time
    await _published(database, 2)
    seen, cursor = [], None
    while True:
        async with database.begin() as db_session:
            page = await VersionRepository(db_session).list(agent.id, Cursor.decode(cursor), 2)
        seen += [view.version.number for view in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [5, 4, 3, 2, 1]


async def test_a_version_knows_its_own_deployments(database: Database) -> None:
    agent, other = await _published(database, 2), await _published(database, 1)
    first = await _deployed(database, agent, 1)
    last = await _deployed(database, agent, 1)
    await _deployed(database, other, 1)
    async with database.begin() as db_session:
        versions = VersionRepository(db_session)
        made = (await DeploymentRepository(db_session).get(last)).created_at
        assert (await DeploymentRepository(db_session).get(first)).kind == "rollback"
        (unused, used) = (await versions.list(agent.id, None, 9)).items
        assert (await versions.newest(agent.id), await versions.newest(uuid.uuid4())) == (2, None)
        assert await versions.overview(used.version) == used
    assert (used.version.number, used.deployments, used.last_deployed_at) == (1, 2, made)
    assert (unused.deployments, unused.last_deployed_at) == (0, None)


async def test_what_ran_last_is_what_took_over_last(database: Database) -> None:
    agent = await _published(database, 4)

    async def last(other_than: int) -> int | None:
        async with database.begin() as db_session:
            return await VersionRepository(db_session).last_that_ran(agent.id, other_than=other_than)

    assert await last(1) is None
    await _deployed(database, agent, 2, Status.STARTING, Status.RUNNING, Status.DRAINING, Status.STOPPED)
    await _deployed(database, agent, 1, Status.STARTING, Status.RUNNING, Status.DEGRADED)
    await _deployed(database, agent, 3, Status.STARTING, Status.FAILED)
    await _deployed(database, agent, 4)
    assert [await last(version) for version in (4, 3, 1, 2)] == [1, 1, 2, 1]
