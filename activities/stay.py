"""One attempt to keep one agent on this host: register, watch, drain."""

from __future__ import annotations

import asyncio
import base64
import logging
import math
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from temporalio import activity

from activities.crashes import MANY, Crashes
from activities.farewells import HostGoing
from activities.reporter import Reporter
from agents.hosting import HostedAgent
from common.discretion import DISCRETION
from common.errors import BionicError, LiveKitUnreachable
from common.livekit import LiveKitCredentials
from common.livekit_server import check_livekit
from common.status import Status
from db.engine import is_away
from workflows import policy
from workflows.types import HostDetails, ReplicaInput

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from activities.hosting import HostActivities

DELIVER_SECONDS = 1.0
"""Between two tries to deliver a report."""


class Crashed(BionicError):
    """The attempt ended by an error that nobody foresaw."""

    retryable = True


@dataclass
class Tenant:
    """One agent on this host."""

    agent: HostedAgent
    attempt: int


class Stay:
    """From registration to the last call, or to the moment when this host can't keep the agent."""

    def __init__(
        self, host: HostActivities, replica: ReplicaInput, reporter: Reporter, moved_in: asyncio.Event
    ) -> None:
        self._host = host
        self._moved_in = moved_in
        self._replica = replica
        self._reporter = reporter
        self._tenant: Tenant | None = None
        self._drain_seconds = host.settings.bionic_drain_seconds
        self._over = host.lease.over
        self._registered = False
        self._connected = False
        self._farewell: asyncio.Task[None] | None = None
        self._crashes = Crashes(activity.info().heartbeat_details)
        self._token = base64.b64encode(activity.info().task_token).decode()

    async def run(self) -> None:
        """Return when the agent was told to leave and its calls are over.

        Raises:
            BionicError: the registration failed or was lost for good.
            HostGoing: this host is shutting down, or shall be empty.
        """
        beating = asyncio.create_task(self._beat())
        self._going = asyncio.create_task(self._host_going())
        try:
            await self._serve_or_tell()
        except asyncio.CancelledError:
            if not await self._given_up():
                raise
        finally:
            beating.cancel()
            self._going.cancel()
            self._move_out()

    async def _given_up(self) -> bool:
        """Whether this attempt is over by Temporal's will, and not by its host's end.

        One that was cancelled is to leave, and the order that says how has not come through. It stays until
        its last call is over, so that nobody takes it for stopped before, but not beyond the time that the
        order gives: its workflow is asked for that.
        """
        details, about = activity.cancellation_details(), {"agent": self._replica.slug}
        if details and details.not_found:
            logger.info("given up: Temporal has given it to another host", extra=about)
            return True
        if self._tenant is None or not (details and details.cancel_requested):
            return False
        logger.warning("cancelled: the order to leave did not come through", extra=about)
        await self._until(self._say_farewell(self._tenant))
        return True

    async def _serve_or_tell(self) -> None:
        try:
            await self._serve()
        except HostGoing as error:
            await self._tell_failure(error.message, moving=self._moving)
            raise
        except BionicError as error:
            await self._tell_failure(error.message)
            raise
        except Exception as error:
            if is_away(error):
                await self._tell_failure("Postgres does not answer the host; it is tried again.")
                raise
            logger.exception("an attempt crashed", extra={"agent": self._replica.slug})
            why = DISCRETION.blot(f"{type(error).__name__}: {error}")
            self._crashes.add(why)
            await self._tell_failure(f"Crash {len(self._crashes.times)} of {MANY}, tried again: {why}")
            raise Crashed(why) from None

    @property
    def _moving(self) -> str | None:
        """Why the agent moves, where that is planned: callers are served all the while."""
        agent = self._tenant.agent if self._tenant else None
        if self._over.is_set() or agent is None or agent.leaving or not agent.connected:
            return None
        return f"Host {self._host.host} {self._going.result()}"

    async def _tell_failure(self, reason: str, moving: str | None = None) -> None:
        status = Status.STARTING if moving else Status.DEGRADED
        await self._reporter.tell(status, reason=reason, moving=moving)
        activity.heartbeat(self._details())
        while not self._reporter.delivered:
            # Where the report does not arrive, the end of the activity would be lost as well.
            await asyncio.sleep(DELIVER_SECONDS)
            await self._reporter.deliver()

    async def _host_going(self) -> str:
        """Return when this host must give the agent up, and why."""
        ends = [
            asyncio.create_task(activity.wait_for_worker_shutdown()),
            asyncio.create_task(self._over.wait()),
            asyncio.create_task(self._told_to_move()),
        ]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if self._over.is_set():
                return "was taken for lost"
            return "is shutting down" if activity.is_worker_shutdown() else "is being drained"
        finally:
            for end in ends:
                end.cancel()

    async def _told_to_move(self) -> None:
        """Return when operators want this host empty, unless the agent is leaving anyway."""
        await self._host.door.emptying.wait()
        if self._tenant and self._tenant.agent.leaving:
            await asyncio.Event().wait()

    def _move_out(self) -> None:
        """The activity ends; calls that go on need not: from here the host itself looks after them."""
        tenant = self._tenant
        if tenant is None:
            return
        del self._host.tenants[self._reporter.replica_id, tenant.attempt]
        if self._farewell is None and not tenant.agent.departed:
            self._say_farewell(tenant)

    def _say_farewell(self, tenant: Tenant) -> asyncio.Task[None]:
        """Have the host look after the agent's last calls, and after new ones until it has moved."""
        details = activity.cancellation_details()
        given_up = self._over.is_set() or bool(details and (details.not_found or details.cancel_requested))
        going = activity.is_worker_shutdown() or self._host.door.emptying.is_set()
        self._farewell = self._host.farewells.say(
            tenant.agent,
            self._reporter,
            self._drain_seconds,
            moving=going and self._registered and not (given_up or tenant.agent.leaving),
            ordered=given_up,
        )
        return self._farewell

    async def _serve(self) -> None:
        await self._tell_of_a_takeover()
        job, credentials = await self._host.prepare(self._replica)
        self._drain_seconds = float(job.config.get("drainSeconds") or self._drain_seconds)
        if self._reporter.attempt > 1:
            # The first attempt comes straight from validation; a later one wants to know why.
            await check_livekit(credentials, self._host.http)
        names = [f"{self._replica.slug}@v{self._replica.version}", self._replica.slug]
        on_trial = partial(self._host.on_trial, UUID(self._replica.agent_id), self._replica.version)
        agent = HostedAgent(job, credentials, names, self._host.facilities, self._host.reports, on_trial)
        self._tenant = Tenant(agent, self._reporter.attempt)
        self._host.tenants[self._reporter.replica_id, self._tenant.attempt] = self._tenant
        self._moved_in.set()
        await agent.register()
        if self._reporter.attempt > 1:
            agent.takes_over()
        self._registered = True
        self._crashes.registered()
        self._welcome(connected=agent.connected)
        if not agent.leaving:
            await self._reporter.tell(Status.RUNNING, agent.worker_id)
            await self._stay(agent, credentials)
        await self._until(agent.leave(math.inf))

    async def _tell_of_a_takeover(self) -> None:
        """A later attempt says so once: days without LiveKit must not fill the workflow's history."""
        before = activity.info().heartbeat_details
        told = before[0].get("reason") if before and isinstance(before[0], dict) else None
        if told:
            self._reporter.known(Status.DEGRADED, told)
        elif self._reporter.attempt > 1:
            reason = f"Its host was lost or gave it up; host {self._host.host} takes over."
            await self._reporter.tell(Status.STARTING, reason=reason)

    async def _stay(self, agent: HostedAgent, credentials: LiveKitCredentials) -> None:
        """Wait for the order to leave, and report the connection meanwhile."""
        leave = asyncio.create_task(agent.told_to_leave())
        lost = asyncio.create_task(agent.lost())
        try:
            while not leave.done() and not lost.done():
                await self._until_news(agent, leave, lost)
                if not leave.done():
                    activity.heartbeat(self._details())
                    await self._report_connection(agent, credentials)
                    await self._reporter.deliver()
        finally:
            leave.cancel()
            lost.cancel()
        if not leave.done():
            lost.result()
            await check_livekit(credentials, self._host.http)
            raise LiveKitUnreachable(f"LiveKit at {credentials.url} closed the registration.")

    async def _until_news(self, agent: HostedAgent, *ends: asyncio.Task[None]) -> None:
        """Wait for one of `ends`, a change of the connection, or the time to deliver again."""
        changed = asyncio.create_task(agent.changed())
        try:
            await self._until(*ends, changed, seconds=None if self._reporter.delivered else DELIVER_SECONDS)
        finally:
            changed.cancel()

    async def _until(self, *ends: asyncio.Task[None], seconds: float | None = None) -> None:
        """Wait for one of `ends`, at most `seconds`; the end of this host comes between."""
        await asyncio.wait([*ends, self._going], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._going.done() and not any(end.done() for end in ends):
            raise HostGoing(f"Host {self._host.host} {self._going.result()}; another one takes over.")

    async def _beat(self) -> None:
        """Heartbeats for the whole stay, whatever it waits for; the host's own heartbeat vouches for it."""
        often, seldom = policy.HEARTBEAT.total_seconds(), policy.AGENT_HEARTBEAT.total_seconds()
        timeout = activity.info().heartbeat_timeout or policy.AGENT_HEARTBEAT_TIMEOUT
        doubt = self._host.lease.doubt
        while True:
            if doubt.is_set() or not self._registered:
                await asyncio.sleep(often)
            else:
                with suppress(TimeoutError):
                    await asyncio.wait_for(doubt.wait(), min(seldom, timeout.total_seconds() / 3))
            activity.heartbeat(self._details())

    def _details(self) -> HostDetails:
        agent = self._tenant.agent if self._tenant else None
        return HostDetails(
            self._host.host,
            agent.worker_id if agent else "",
            connected=agent.connected if agent else False,
            active_calls=agent.active_calls if agent else 0,
            calls_taken=agent.calls_taken if agent else 0,
            reason=self._reporter.reason,
            crashes=self._crashes.times,
            attempt=self._reporter.attempt,
            token=self._token,
        )

    def _welcome(self, *, connected: bool) -> None:
        """Let those hear of the agent who waited for it, whenever it comes to be registered."""
        if connected and not self._connected:
            self._host.waiting.registered(UUID(self._replica.agent_id), self._replica.version)
        self._connected = connected

    async def _report_connection(self, agent: HostedAgent, credentials: LiveKitCredentials) -> None:
        trouble = agent.trouble
        self._welcome(connected=agent.connected)
        if not agent.connected:
            trouble = f"The connection to LiveKit at {credentials.url} is lost; connecting again."
        if trouble:
            await self._reporter.tell(Status.DEGRADED, reason=trouble)
        else:
            await self._reporter.tell(Status.RUNNING, agent.worker_id)
