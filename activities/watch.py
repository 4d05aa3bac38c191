"""What becomes of the agents of a host that is lost."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio import activity
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import AsyncActivityHandle, Client, WorkflowExecutionDescription
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from activities.errors import told_to_temporal
from activities.left_alone import LeftAlone
from common.status import Status
from db.engine import Database
from db.repositories.hosts import CarriedReplica, HostRepository
from workflows.absence import no_workflow
from workflows.host_types import HostInput, Inquest
from workflows.policy import HEARTBEAT, HOST_ACTIVITY_ID, agent_workflow_id
from workflows.types import ReplicaChanged, ReplicaReport

logger = logging.getLogger(__name__)

AT_ONCE = 16
"""Agents that are handed on at the same time."""

LOOK_SECONDS = 0.25

TOO_LONG = 2 * HEARTBEAT
"""Postgres hears of a host as often as Temporal does."""

ON_A_HOST = {
    PendingActivityState.PENDING_ACTIVITY_STATE_STARTED,
    PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED,
}

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
    left_alone: LeftAlone

    @activity.defn
    async def hand_on_agents(self, host: HostInput) -> Inquest:
        """Find out whether a silent host is lost; if so, fail its agents' activities: others take them.

        Temporal may have been away itself: a host that Postgres still hears of keeps its agents. One that has
        left is not asked for: its input names no process.
        """
        began = activity.info().started_time
        with told_to_temporal():
            if host.process and await self._heard_of(host):
                return Inquest(alive=True)
            reason = f"Host {host.name} is lost; another one takes over as soon as there is one."
            hand_on = HandOn(self.client, self.database, host.name, reason, began)
            # No caller waits for a thousand agents, for one may be elsewhere already; nor they for a caller.
            agents, told = await asyncio.gather(
                hand_on.all(), self._tell_callers(host), return_exceptions=True
            )
            if isinstance(told, BaseException):
                raise told
            if isinstance(agents, BaseException):
                raise agents
        return Inquest(alive=False, agents=agents)

    async def _tell_callers(self, host: HostInput) -> None:
        if host.process:
            await self.left_alone.by(host.name, host.process)

    async def _heard_of(self, host: HostInput) -> bool:
        """Whether the host still says in Postgres that it is there, after what it said before it died.

        When Postgres has heard of no host, it was away itself, and they all get the time to speak again.
        """
        before, loop = timedelta(), asyncio.get_running_loop()
        patience = loop.time() + TOO_LONG.total_seconds()
        while True:
            async with self.database.begin() as db_session:
                hosts = HostRepository(db_session)
                silence, newest = await hosts.silence(host.name, host.process), await hosts.newest_silence()
            if silence is None:
                return False
            if silence < before:
                return True
            all_silent = newest is None or newest > TOO_LONG
            if silence > TOO_LONG and (not all_silent or loop.time() > patience):
                return False
            before = silence
            activity.heartbeat()
            await asyncio.sleep(LOOK_SECONDS)


@dataclass(frozen=True)
class HandOn:
    """Fails the activities of agents that a process of `host` carried: Temporal gives them to others."""

    client: Client
    database: Database
    host: str
    reason: str
    """For the failure, and for the agents' workflows: there may be no other host."""
    began: datetime | None = None
    """By Temporal's clock; what a newer process of that name took on later is left alone."""

    async def all(self) -> int:
        """All that it may have carried; returns how many there were."""
        async with self.database.begin() as db_session:
            carried = await HostRepository(db_session).carried(self.host)
        return await self.these(carried)

    async def these(self, replicas: Sequence[CarriedReplica]) -> int:
        """Those that Temporal takes for carried by that host; returns how many there were."""
        turn = asyncio.Semaphore(AT_ONCE)

        async def _one(replica: CarriedReplica) -> bool:
            async with turn:
                if activity.in_activity():
                    activity.heartbeat(replica.id)
                return await self._fail(replica)

        results = await asyncio.gather(*(_one(each) for each in replicas), return_exceptions=True)
        errors = [result for result in results if isinstance(result, BaseException)]
        if errors:
            # All others are handed on: whoever tries again has only these left.
            logger.warning("%d of %d agents are not handed on: %s", len(errors), len(results), errors[0])
            raise errors[0]
        return sum(map(bool, results))

    async def _fail(self, replica: CarriedReplica) -> bool:
        try:
            described, pending = await self._look(replica)
            if pending is None:
                return False
            await self._tell(replica, pending.attempt)
            attempt = await self._handle(replica, described, pending)
            if attempt is None:
                return False
            lost = ApplicationError(self.reason, type="HostLost", next_retry_delay=RETRY_DELAY)
            await attempt.fail(lost, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if not no_workflow(error):
                raise
            return False  # it ended meanwhile, or was handed on already
        return True

    async def _look(
        self, replica: CarriedReplica
    ) -> tuple[WorkflowExecutionDescription, PendingActivityInfo | None]:
        """A replica's workflow, and its activity where that host's process carries it."""
        described = await self.client.get_workflow_handle(replica.id).describe(rpc_timeout=RPC_TIMEOUT)
        pending = pending_stay(list(described.raw_description.pending_activities))
        return described, pending if pending and self._concerns(pending) else None

    async def _handle(
        self, replica: CarriedReplica, described: WorkflowExecutionDescription, pending: PendingActivityInfo
    ) -> AsyncActivityHandle | None:
        """By which that attempt fails, and no later one: somebody else may hand the agent on just now.

        An attempt says by its heartbeats which token it has. One that has not said it yet is known by the id
        of its activity alone, which the next attempt has as well. So it is looked at once more; None where
        that finds another one. What is left is the time of one call to Temporal: an attempt that begins
        meanwhile is failed instead, and the agent registers once more. It takes `RETRY_DELAY` to begin.
        """
        if token := await _token(described, pending):
            return self.client.get_async_activity_handle(task_token=token)
        again, still = await self._look(replica)
        if still is None or (again.run_id, still.attempt) != (described.run_id, pending.attempt):
            return None
        return self.client.get_async_activity_handle(
            workflow_id=replica.id, run_id=described.run_id, activity_id=HOST_ACTIVITY_ID
        )

    def _concerns(self, pending: PendingActivityInfo) -> bool:
        taken = pending.last_started_time.ToDatetime(UTC)
        return host_of(pending.last_worker_identity) == self.host and not (self.began and taken > self.began)

    async def _tell(self, replica: CarriedReplica, attempt: int) -> None:
        report = ReplicaReport(Status.DEGRADED, attempt, self.host, None, self.reason)
        agent = self.client.get_workflow_handle(agent_workflow_id(str(replica.agent_id)))
        await agent.signal("replica_changed", ReplicaChanged(replica.id, report), rpc_timeout=RPC_TIMEOUT)


async def _token(described: WorkflowExecutionDescription, pending: PendingActivityInfo) -> bytes | None:
    """By which Temporal knows that attempt; None where it has not said so: the last one's words stay."""
    payloads = pending.heartbeat_details.payloads
    said = (await described.data_converter.decode(payloads))[0] if payloads else None
    if not isinstance(said, dict) or said.get("attempt") != pending.attempt:
        return None
    return base64.b64decode(said.get("token") or "") or None


def pending_stay(activities: list[PendingActivityInfo]) -> PendingActivityInfo | None:
    """The activity that keeps a replica's agent on a host, where Temporal takes it for being on one."""
    return next((a for a in activities if a.activity_id == HOST_ACTIVITY_ID and a.state in ON_A_HOST), None)
