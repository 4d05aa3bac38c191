"""One host loses Temporal, and nothing else: it serves on, and follows once it hears again."""

from __future__ import annotations

from datetime import datetime

import pytest
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client

from tests.support.caller import calling
from tests.support.hosts import another_host, carriers, listed, order, own_host
from tests.support.outages import GREETING, is_greeted
from tests.support.platform import ANSWER, ORDER, Json, Platform, offline_config
from tests.support.toxiproxy import Toxiproxy
from tests.support.waiting import eventually
from workflows.policy import HEARTBEAT_TIMEOUT, RELEASE_TIMEOUT, replica_workflow_id

pytestmark = [pytest.mark.integration, pytest.mark.alone]

ISLAND = "island"
MISSED_SECONDS = HEARTBEAT_TIMEOUT.total_seconds() + 4
"""By then Temporal has missed the host's heartbeat, and somebody has looked what became of it."""

FOLLOWS_SECONDS = 60
"""From the moment at which it hears again; the longest pause between two tries of its connection included."""

SECOND = "The second version."


async def test_a_host_that_only_temporal_has_lost_keeps_its_agents_until_it_hears_again(
    platform: Platform, toxiproxy: Toxiproxy
) -> None:
    first = await own_host(platform)
    proxy = await toxiproxy.before("temporal", platform.stack.temporal_address)
    async with another_host(platform, ISLAND, TEMPORAL_ADDRESS=proxy.address):
        await order(platform, first, "cordon")
        agent = await platform.deployed("islander")
        await order(platform, first, "uncordon")
        assert await carriers(platform, agent["id"]) == [ISLAND]
        token = await platform.token(agent["slug"])
        async with calling(token["url"], token["token"], quiet=True) as caller:
            await caller.hears(GREETING)
            await proxy.swallow()
            await _missed(platform)
            assert await carriers(platform, agent["id"]) == [ISLAND], "nobody takes over what is served"
            await is_greeted(platform, agent["slug"])
            await caller.types(ORDER)
            await caller.hears(ANSWER)
            await _replaced(platform, agent)
            second = await platform.token(agent["slug"])
            async with calling(second["url"], second["token"], quiet=True) as another:
                await another.hears(SECOND)
            assert len(caller.met) == 1, "its call goes on"
            await proxy.mend()
        await eventually(lambda: _owned_once(platform, agent), "one owner", seconds=FOLLOWS_SECONDS)
        await platform.stop(agent["id"])


async def test_one_that_is_stopped_at_once_meanwhile_is_stopped_once_its_host_hears_of_it(
    platform: Platform, toxiproxy: Toxiproxy
) -> None:
    """The order does not reach the host, which learns only that it is to end: and then how soon."""
    first = await own_host(platform)
    proxy = await toxiproxy.before("temporal-of-a-deaf-host", platform.stack.temporal_address)
    async with another_host(platform, ISLAND, TEMPORAL_ADDRESS=proxy.address):
        await order(platform, first, "cordon")
        agent = await platform.deployed("deaf", drainSeconds=3600)
        await order(platform, first, "uncordon")
        assert await carriers(platform, agent["id"]) == [ISLAND]
        token = await platform.token(agent["slug"])
        async with calling(token["url"], token["token"], quiet=True) as caller:
            await caller.hears(GREETING)
            await proxy.swallow()
            await platform.call("POST", f"/api/agents/{agent['id']}/stop", {"drain": False}, expect=202)
            await eventually(
                lambda: _cancelled(platform, agent),
                "the order given up",
                seconds=RELEASE_TIMEOUT.total_seconds() + 10,
            )
            assert (await platform.agent(agent["id"]))["status"] == "draining", "a call goes on"
            assert caller.agents
            await proxy.mend()

            async def sent_out() -> bool:
                return not caller.room.isconnected()

            await eventually(sent_out, "the call over", seconds=FOLLOWS_SECONDS)
        await platform.reaches(agent["id"], "stopped")


async def _cancelled(platform: Platform, agent: Json) -> bool:
    """Whether the replica's activity is to end, and has not heard of it."""
    client = await Client.connect(platform.stack.temporal_address)
    replica = await client.get_workflow_handle(replica_workflow_id(agent["id"], 1, 1)).describe()
    wanted = PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED
    return wanted in {each.state for each in replica.raw_description.pending_activities}


async def _missed(platform: Platform) -> None:
    """Temporal has not heard of the host for as long as it waits, and Postgres has."""
    host = await listed(platform, ISLAND)
    assert host is not None
    since = host["lastSeenAt"]

    async def later() -> bool:
        host = await listed(platform, ISLAND)
        return host is not None and _seconds(host["lastSeenAt"]) - _seconds(since) > MISSED_SECONDS

    await eventually(later, "the host heard of", seconds=2 * MISSED_SECONDS)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def _replaced(platform: Platform, agent: Json) -> None:
    """The other host takes the calls of a new version."""
    path = f"/api/agents/{agent['id']}"
    await platform.call("PATCH", path, {"config": offline_config(greeting=SECOND)})
    await platform.call("POST", f"{path}/deploy", {}, expect=202)

    async def second() -> bool:
        return bool((await platform.agent(agent["id"]))["liveVersion"] == 2)

    await eventually(second, "the second version")


async def _owned_once(platform: Platform, agent: Json) -> bool:
    """Nothing is left of the first version."""
    now = await platform.agent(agent["id"])
    return [(each["version"], each["status"]) for each in now["registrations"]] == [(2, "running")]
