"""An agent's workflow that has lived long goes on in a new run, and nobody notices."""

from __future__ import annotations

import pytest

from common.status import Status
from tests.support.temporal import details, found_as
from tests.support.waiting import eventually
from tests.workflows.conftest import temporal_server, world_of
from workflows.policy import agent_workflow_id

pytestmark = pytest.mark.integration

SHORT_LIFE = "limit.historyCount.suggestContinueAsNew=40"


async def test_a_new_run_of_an_agent_serves_on_and_tells_the_same() -> None:
    async with temporal_server("--dynamic-config-value", SHORT_LIFE) as client, world_of(client) as world:
        deployment = await world.deploy(1)
        await world.told(Status.RUNNING, deployment.deployment_id)
        agent = client.get_workflow_handle(agent_workflow_id(world.agent_id))
        first_run = (await agent.describe()).run_id
        (replica,) = await world.hosting(1)

        async def shown() -> bool:
            return (await found_as(agent)).get("AgentStatus") == "running"

        await eventually(shown, "searches that know the agent as running")
        before = (await details(agent), await found_as(agent))

        async def new_run() -> bool:
            """Make history, with nothing new to tell, until there is another run."""
            await world.report(replica, Status.RUNNING, 1)
            return (await agent.describe()).run_id != first_run

        await eventually(new_run, "another run of the agent's workflow")
        assert (await details(agent), await found_as(agent)) == before
        assert await world.hosting(1) == [replica]
        second = await world.deploy(2)
        await world.told(Status.RUNNING, second.deployment_id)
        await world.stop()
        await world.told(Status.STOPPED, second.deployment_id)
        await world.hosting(0)
