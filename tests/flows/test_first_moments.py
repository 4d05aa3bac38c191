"""A host that dies in the very moment in which it is given an agent: nobody else knows yet that it was."""

from __future__ import annotations

import signal

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from activities.watch import host_of, pending_stay
from tests.support.platform import Platform
from tests.support.waiting import eventually
from workflows.absence import no_workflow
from workflows.policy import START_AT_ONCE, replica_workflow_id

pytestmark = [pytest.mark.integration, pytest.mark.alone]

BACK_SECONDS = START_AT_ONCE.total_seconds() + 10
"""The host boots, and looks again when the agent is overdue."""


async def _was_given(replica: WorkflowHandle[object, object]) -> str | None:
    """The host that Temporal takes for the replica's."""
    try:
        described = await replica.describe()
    except RPCError as error:
        if not no_workflow(error):
            raise
        return None
    pending = pending_stay(list(described.raw_description.pending_activities))
    return host_of(pending.last_worker_identity) if pending else None


async def test_an_agent_given_to_a_host_as_it_dies_is_registered_soon(platform: Platform) -> None:
    temporal = await Client.connect(platform.stack.temporal_address)
    agent = await platform.create("first-moment")
    replica = temporal.get_workflow_handle(replica_workflow_id(agent["id"], 1, 1))
    # Frozen, it is given what it asked for before, and can't say so.
    platform.stack.kill("runtime", signal.SIGSTOP)
    try:
        await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {}, expect=202)
        await eventually(lambda: _was_given(replica), "the agent given to a host")
    finally:
        platform.stack.kill("runtime", signal.SIGKILL)
    await platform.reaches(agent["id"], "running", seconds=BACK_SECONDS)
    await platform.stop(agent["id"])
