"""A Temporal that serves and does not know our namespace: as right after its start, or with its state lost.

It says “not found” of everything then. That must not be taken for news about workflows.
"""

from __future__ import annotations

from typing import cast
from uuid import UUID

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from activities.lease import Lease
from activities.reporter import Reporter
from activities.watch import HandOn
from api.postgres import Postgres
from api.services.health import Down, HealthService
from api.services.livekit import LiveKit
from common.errors import Unavailable
from common.status import Status
from db.engine import Database
from db.repositories.hosts import CarriedReplica, HostFigures
from tests.support.platform import Platform
from workflows.absence import no_namespace
from workflows.types import DeployRequest, RetryRequest, StopRequest
from workflows.wishes import NoNamespace, NoWorkflow, Workflows

pytestmark = pytest.mark.integration

AGENT = "3f5c0000-0000-0000-0000-000000000001"
FIGURES = HostFigures("0", agents=0, active_calls=0, cpu=0, memory=0)


@pytest.fixture
async def elsewhere(platform: Platform) -> Client:
    """A client whose namespace the server does not have."""
    return await Client.connect(platform.stack.temporal_address, namespace="nowhere")


async def test_wishes_are_to_be_sent_again_and_nothing_is_taken_for_not_deployed(
    platform: Platform, elsewhere: Client
) -> None:
    wishes = Workflows(elsewhere)
    with pytest.raises(NoNamespace, match="Try again") as caught:
        await wishes.deploy(AGENT, "slug", "name", DeployRequest(AGENT, 1, 1, "me", 1.0))
    assert isinstance(caught.value, Unavailable)
    with pytest.raises(NoNamespace):
        await wishes.retry(AGENT, RetryRequest("me"), "7")
    with pytest.raises(NoNamespace):
        await wishes.stop(AGENT, StopRequest("me", 1.0), "7")
    with pytest.raises(NoNamespace):
        await wishes.retire(AGENT)

    known = Workflows(await Client.connect(platform.stack.temporal_address))
    with pytest.raises(NoWorkflow):
        await known.stop(AGENT, StopRequest("me", 1.0), "7")


async def test_a_host_keeps_its_agents_and_its_reports(elsewhere: Client) -> None:
    lease = Lease(elsewhere, "patient", lambda: FIGURES)
    with pytest.raises(RPCError):
        await lease._clear_up()
    assert not lease.over.is_set(), "nobody has taken its agents"
    reporter = Reporter(elsewhere, AGENT, "replica", "patient", 1)
    await reporter.tell(Status.RUNNING, "AW_1")
    assert not reporter.delivered, "it is told again"


async def test_agents_of_a_lost_host_are_not_forgotten(elsewhere: Client) -> None:
    hand_on = HandOn(elsewhere, cast("Database", None), "lost", "It is lost.")
    with pytest.raises(RPCError) as caught:
        await hand_on.these([CarriedReplica("replica", UUID(AGENT), "lost")])
    assert no_namespace(caught.value)


async def test_health_says_what_is_missing(elsewhere: Client) -> None:
    health = HealthService(cast("Postgres", None), elsewhere, cast("LiveKit", None))
    with pytest.raises(Down, match="no namespace “nowhere”"):
        await health._temporal()
