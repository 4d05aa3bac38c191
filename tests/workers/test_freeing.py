"""A host that begins frees what its last process carried, however often that takes."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import delete
from temporalio.service import RPCError, RPCStatusCode

from activities.hosting import HostActivities
from common.status import Status
from db.engine import Database
from db.models import DeploymentRow, ReplicaRow
from db.repositories.agents import AgentRepository, StoredConfig
from tests.api.conftest import make_settings
from tests.support.waiting import eventually
from workers.runtime import host

pytestmark = pytest.mark.integration

REPLICAS = 3


@dataclass
class Temporal:
    """Takes every replica for one that nobody carries, where it answers at all."""

    away: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def get_workflow_handle(self, workflow_id: str) -> Workflow:
        """Of a replica."""
        return Workflow(self, workflow_id)


@dataclass
class Workflow:
    """Of one replica."""

    temporal: Temporal
    id: str

    async def describe(self, *, rpc_timeout: timedelta) -> SimpleNamespace:
        """How it is."""
        self.temporal.asked.append(self.id)
        if self.id in self.temporal.away:
            raise RPCError("too slow", RPCStatusCode.DEADLINE_EXCEEDED, b"")
        return SimpleNamespace(raw_description=SimpleNamespace(pending_activities=[]))


@pytest.fixture
async def replicas(database: Database) -> AsyncIterator[list[str]]:
    """Those that the last process carried."""
    async with database.begin() as db_session:
        slug = f"h-{uuid.uuid4().hex[:8]}"
        agent = await AgentRepository(db_session, database.box).create("H", slug, StoredConfig({}, {}))
        deployment = DeploymentRow(
            id=uuid.uuid4(), agent_id=agent.id, version=1, replicas=3, status=Status.RUNNING, actor="tester"
        )
        db_session.add(deployment)
        await db_session.flush()
        ids = [f"replica-{number}-{agent.id}" for number in range(REPLICAS)]
        await db_session.execute(delete(ReplicaRow))
        for number, replica_id in enumerate(ids):
            row = ReplicaRow(
                id=replica_id, agent_id=agent.id, deployment_id=deployment.id, version=1, number=number,
                status=Status.RUNNING, attempt=1, host="again",
            )  # fmt: skip
            db_session.add(row)
    yield ids
    async with database.begin() as db_session:
        await db_session.execute(delete(ReplicaRow))


def _activities(database: Database, database_url: str, temporal: Temporal, spool: Path) -> HostActivities:
    settings = make_settings(database_url).model_copy(update={"bionic_spool": spool})
    lease = SimpleNamespace(process="second")
    parts = SimpleNamespace(database=database, client=temporal, host="again", settings=settings, lease=lease)
    return cast("HostActivities", parts)


async def test_an_answer_that_comes_too_late_does_not_end_it(
    database: Database,
    database_url: str,
    replicas: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host, "AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(host, "LAST_MOMENT_LOOKS", 0)
    temporal = Temporal(away={replicas[0]})
    activities = _activities(database, database_url, temporal, tmp_path)
    freeing = asyncio.create_task(host.free_the_last(activities, datetime.now(UTC)))

    async def again() -> bool:
        return freeing.done() or temporal.asked.count(replicas[0]) >= 2

    await eventually(again, "it is asked for again")
    assert not freeing.done()
    assert set(temporal.asked) == set(replicas), "all others are seen to meanwhile"
    temporal.away.clear()
    await asyncio.wait_for(freeing, 5)


async def test_what_nobody_foresaw_ends_it(
    database: Database, database_url: str, replicas: list[str], tmp_path: Path
) -> None:
    """A host that can't free what it carried would leave it alone in silence."""

    class Broken(Temporal):
        def get_workflow_handle(self, workflow_id: str) -> Workflow:
            raise ValueError("something that nobody foresaw")

    activities = _activities(database, database_url, Broken(), tmp_path)
    before = asyncio.all_tasks()
    with pytest.raises(ValueError, match="nobody foresaw"):
        await asyncio.wait_for(host.free_the_last(activities, datetime.now(UTC)), 5)
    assert asyncio.all_tasks() == before, "nothing goes on by itself"
