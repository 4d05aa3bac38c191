"""One attempt to keep one agent on this host: register, watch, drain."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from temporalio import activity

from activities.reporter import Reporter
from agents.call import CallJob
from agents.hosting import HostedAgent
from common.errors import LiveKitError, LiveKitUnreachable, Unavailable
from common.livekit import LiveKitCredentials
from common.livekit_server import check_livekit
from common.status import Status
from workflows.types import HostDetails, ReplicaInput

if TYPE_CHECKING:
    from activities.hosting import HostActivities

WATCH_SECONDS = 1.0
"""How often a hosted agent looks at its connection and offers a heartbeat; Temporal's client thins them."""

HANDOVER_SECONDS = 2.0
"""How long a host that is going still takes calls, while another one registers its agents."""


class HostGoing(Unavailable):
    """This host is shutting down; another one takes the agent over."""


@dataclass
class Tenant:
    """One agent on this host."""

    agent: HostedAgent
    attempt: int
    leave: asyncio.Future[float]
    """Set to the seconds that running calls may take, once the agent shall go."""


class Stay:
    """From registration to the last call, or to the moment when this host can't keep the agent."""

    def __init__(self, host: HostActivities, replica: ReplicaInput, reporter: Reporter) -> None:
        self._host = host
        self._replica = replica
        self._reporter = reporter

    async def run(self) -> None:
        """Return when the agent was told to leave and its calls are over.

        Raises:
            LiveKitUnreachable, LiveKitRefused: the registration failed or was lost for good.
            HostGoing: this host is shutting down.
        """
        job, credentials = await self._host.prepare(self._replica)
        names = [f"{self._replica.slug}@v{self._replica.version}", self._replica.slug]
        agent = HostedAgent(job, credentials, names, self._host.load)
        leave: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        tenant = Tenant(agent, self._reporter.attempt, leave)
        self._host.tenants[self._reporter.replica_id] = tenant
        try:
            await self._serve(tenant, credentials)
        except (HostGoing, asyncio.CancelledError) as error:
            # The activity ends now, the calls need not: the host itself looks after them from here.
            notice = HANDOVER_SECONDS if isinstance(error, HostGoing) else 0.0
            self._host.see_off(agent, self._drain_seconds(job), notice=notice)
            raise
        except BaseException:
            await agent.close()
            raise
        finally:
            if self._host.tenants.get(self._reporter.replica_id) is tenant:
                del self._host.tenants[self._reporter.replica_id]

    def _drain_seconds(self, job: CallJob) -> float:
        return float(job.config.get("drainSeconds") or self._host.settings.bionic_drain_seconds)

    async def _serve(self, tenant: Tenant, credentials: LiveKitCredentials) -> None:
        try:
            if self._reporter.attempt > 1:
                # The first attempt comes straight from validation; a later one wants to know why.
                await check_livekit(credentials, self._host.http)
            await tenant.agent.register()
            await self._reporter.tell(Status.RUNNING, tenant.agent.worker_id)
            seconds = await self._stay(tenant, credentials)
        except LiveKitError as error:
            await self._reporter.tell(Status.DEGRADED, reason=error.message)
            raise
        await self._reporter.tell(Status.DRAINING, tenant.agent.worker_id)
        draining = asyncio.create_task(tenant.agent.drain(seconds))
        try:
            await self._beat_until(tenant, draining)
        finally:
            draining.cancel()
        await tenant.agent.close()
        await self._reporter.tell(Status.STOPPED)

    async def _stay(self, tenant: Tenant, credentials: LiveKitCredentials) -> float:
        """Wait for the order to leave; returns the seconds that it grants."""
        lost = asyncio.create_task(tenant.agent.lost())
        try:
            await self._beat_until(tenant, tenant.leave, lost, credentials=credentials)
            if tenant.leave.done():
                return tenant.leave.result()
            await check_livekit(credentials, self._host.http)
            raise LiveKitUnreachable(f"LiveKit at {credentials.url} closed the registration.")
        finally:
            lost.cancel()

    async def _beat_until(
        self,
        tenant: Tenant,
        *ends: asyncio.Future[float] | asyncio.Task[None],
        credentials: LiveKitCredentials | None = None,
    ) -> None:
        """Wait for one of `ends`; beat the heart and, given `credentials`, report the connection."""
        going = asyncio.create_task(activity.wait_for_worker_shutdown())
        try:
            while True:
                await asyncio.wait([*ends, going], timeout=WATCH_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if any(end.done() for end in ends):
                    return
                if going.done():
                    raise HostGoing(f"Host {self._host.host} is shutting down.")
                self._beat(tenant.agent)
                if credentials:
                    await self._report_connection(tenant.agent, credentials)
                await self._reporter.deliver()
        finally:
            going.cancel()

    def _beat(self, agent: HostedAgent) -> None:
        activity.heartbeat(
            HostDetails(
                self._host.host, agent.worker_id, agent.connected, agent.active_calls, agent.calls_taken
            )
        )

    async def _report_connection(self, agent: HostedAgent, credentials: LiveKitCredentials) -> None:
        if agent.connected:
            await self._reporter.tell(Status.RUNNING, agent.worker_id)
        else:
            reason = f"The connection to LiveKit at {credentials.url} is lost; connecting again."
            await self._reporter.tell(Status.DEGRADED, reason=reason)
