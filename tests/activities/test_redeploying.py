"""What the reconciler asks agents' workflows for, and why it says it does."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from activities.redeploying import LOST, Redeploying
from common.settings import Settings
from common.status import Status
from db.engine import Database
from db.models import AgentRow, DeploymentRow
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.deployments import DeploymentRepository, NewTransition
from workflows.policy import RECONCILER
from workflows.types import DeployRequest

pytestmark = pytest.mark.integration

NOTE = "Longer days."


class Wishes:
    """Remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: list[DeployRequest] = []

    async def deploy(self, agent_id: str, slug: str, name: str, request: DeployRequest, **_: Any) -> None:
        """Note it."""
        self.asked.append(request)


@pytest.fixture
def wishes() -> Wishes:
    return Wishes()


@pytest.fixture
def redeploying(database: Database, wishes: Wishes) -> Redeploying:
    """The reconciler's hand; no LiveKit is asked."""
    settings = Settings.model_construct(bionic_drain_seconds=1.0)
    return Redeploying(cast("Any", wishes), database, settings, cast("Any", None))


@pytest.fixture
async def accepted(database: Database) -> tuple[AgentRow, DeploymentRow]:
    """An agent with a deployment that somebody gave a reason for, a minute ago."""
    async with database.begin() as db_session:
        agents = AgentRepository(db_session, database.box)
        agent = await agents.create("R", f"r-{uuid.uuid4().hex[:8]}", StoredConfig({}, {}))
        version = await agents.publish(agent, "ann", None)
        row, _ = await DeploymentRepository(db_session).create(
            agent, uuid.uuid4(), version.number, 1, "ann", note=NOTE
        )
        row.created_at = datetime.now(UTC) - timedelta(minutes=1)
    return agent, row


async def test_one_that_no_workflow_took_is_handed_over_as_it_was_asked_for(
    redeploying: Redeploying, wishes: Wishes, accepted: tuple[AgentRow, DeploymentRow]
) -> None:
    await redeploying.unheard(*accepted)
    (request,) = wishes.asked
    assert (request.actor, request.note) == ("ann", NOTE)


async def test_one_whose_workflow_is_lost_is_asked_for_by_the_reconciler_for_that_reason(
    database: Database,
    redeploying: Redeploying,
    wishes: Wishes,
    accepted: tuple[AgentRow, DeploymentRow],
) -> None:
    agent, row = accepted
    async with database.begin() as db_session:
        begun = NewTransition(2, datetime.now(UTC), Status.STARTING, "ann", None, 1)
        await DeploymentRepository(db_session).record(row.id, [begun])
    await redeploying.lost(agent.id)
    (request,) = wishes.asked
    assert (request.actor, request.note) == (RECONCILER, LOST)
