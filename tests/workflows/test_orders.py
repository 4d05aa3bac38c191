"""A host that an order to end did not reach asks the replica's workflow for it."""

from __future__ import annotations

import pytest
from temporalio.client import WorkflowHandle

from tests.workflows.conftest import HOST, World
from workflows.replica import ReplicaWorkflow
from workflows.types import ReplicaReport, StopReplica

pytestmark = pytest.mark.integration


async def _order(handle: WorkflowHandle[ReplicaWorkflow, ReplicaReport]) -> StopReplica | None:
    """As a host asks for it, which knows the workflow by its name alone."""
    found: StopReplica | None = await handle.query("order", result_type=StopReplica)
    return found


async def test_it_tells_the_newest_with_the_least_time_and_does_so_after_its_end(world: World) -> None:
    await world.deploy(1)
    (replica,) = await world.hosting(1)
    handle = world.client.get_workflow_handle_for(ReplicaWorkflow.run, replica)
    assert await _order(handle) is None
    world.deaf.add(1)
    await handle.signal(ReplicaWorkflow.stop, StopReplica(5, HOST, 1))
    await handle.signal(ReplicaWorkflow.stop, StopReplica(60, HOST, 2, last=True))
    told = StopReplica(5, HOST, 2, last=True)
    assert await _order(handle) == told
    await handle.result()
    assert await _order(handle) == told
