"""What becomes of the agents of a host that is lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import told_to_temporal
from common.status import Status
from db.engine import Database
from db.repositories.hosts import CarriedReplica, HostRepository
from workflows.host_types import HostInput, Inquest
from workflows.policy import HEARTBEAT, HOST_ACTIVITY_ID, agent_workflow_id
from workflows.types import ReplicaChanged, ReplicaReport

AT_ONCE = 16
"""Agents that are handed on at the same time."""

LOOK_SECONDS = 0.25

TOO_LONG = 2 * HEARTBEAT
"""Postgres hears of a host as often as Temporal does."""

RETRY_DELAY = timedelta(milliseconds=100)
RPC_TIMEOUT = timedelta(seconds=5)


def worker_identity(host: str, pid: int) -> str:
    """How a host's process is known to Temporal."""
    return f"{pid}@{host}"


def host_of(identity: str) -> str:
    """The host behind a worker's identity."""
    return identity.partition("@")[2]


@dataclass(frozen=True)
class WatchActivities:
    """What the control worker does for the workflows of hosts."""

    client: Client
    database: Database

    @activity.defn
    async def hand_on_agents(self, host: HostInput) -> Inquest:
        """Find out whether a silent host is lost; if so, fail its agents' activities: others take them.

        Temporal may have been away itself: a host that Postgres still hears of keeps its agents.
        """
        if await self._heard_of(host):
            return Inquest(alive=True)
        reason = f"Host {host.name} is lost; another one takes over as soon as there is one."
        with told_to_temporal():
            return Inquest(alive=False, agents=await hand_on(self.client, self.database, host.name, reason))

    async def _heard_of(self, host: HostInput) -> bool:
        """Whether the host still says in Postgres that it is there, after what it said before it died."""
        before = timedelta()
        while True:
            with told_to_temporal():
                async with self.database.begin() as db_session:
                    silence = await HostRepository(db_session).silence(host.name, host.process)
            if silence is None or silence > TOO_LONG:
                return False
            if silence < before:
                return True
            before = silence
            activity.heartbeat()
            await asyncio.sleep(LOOK_SECONDS)


async def hand_on(client: Client, database: Database, host: str, reason: str, *, tell: bool = True) -> int:
    """Fail the activities of agents that a lost process of `host` carried: Temporal gives them to others.

    Args:
        client: of Temporal.
        database: where it is written which agents the host carried.
        host: its name.
        reason: for the failure.
        tell: the agents' workflows as well, for the case that no other host is there.

    Returns:
        How many there were.
    """
    async with database.begin() as db_session:
        carried = await HostRepository(db_session).carried(host)
    turn = asyncio.Semaphore(AT_ONCE)

    async def _one(replica: CarriedReplica) -> bool:
        async with turn:
            if activity.in_activity():
                activity.heartbeat(replica.id)
            return await _fail(client, host, replica, reason, tell=tell)

    return sum(await asyncio.gather(*(_one(replica) for replica in carried)))


async def _fail(client: Client, host: str, replica: CarriedReplica, reason: str, *, tell: bool) -> bool:
    """Fail one agent's activity, if it is still that host's."""
    try:
        described = await client.get_workflow_handle(replica.id).describe(rpc_timeout=RPC_TIMEOUT)
        pending = _pending(list(described.raw_description.pending_activities))
        if pending is None or host_of(pending.last_worker_identity) != host:
            return False
        running = client.get_async_activity_handle(
            workflow_id=replica.id, run_id=described.run_id, activity_id=HOST_ACTIVITY_ID
        )
        lost = ApplicationError(reason, type="HostLost", next_retry_delay=RETRY_DELAY)
        await running.fail(lost, rpc_timeout=RPC_TIMEOUT)
        if tell:
            report = ReplicaReport(Status.DEGRADED, pending.attempt, host, None, reason)
            agent = client.get_workflow_handle(agent_workflow_id(str(replica.agent_id)))
            change = ReplicaChanged(replica.id, report)
            await agent.signal("replica_changed", change, rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False  # it ended meanwhile, or was handed on already
    return True


def _pending(activities: list[PendingActivityInfo]) -> PendingActivityInfo | None:
    started = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
    return next((a for a in activities if a.activity_id == HOST_ACTIVITY_ID and a.state == started), None)
