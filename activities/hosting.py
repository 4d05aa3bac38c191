"""The long-running activity: one agent registered with LiveKit, from a host's first try to its last call."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

import aiohttp
from sqlalchemy.exc import SQLAlchemyError
from temporalio import activity
from temporalio.client import Client

from activities.call_reports import CallReports
from activities.door import Door
from activities.errors import told_to_temporal
from activities.farewells import Farewells, HostClosed
from activities.lease import Lease
from activities.reporter import Reporter
from activities.stay import Stay, Tenant
from activities.waiting_callers import WaitingCallers
from agents.call_job import CallJob
from agents.facilities import Facilities
from agents.tracing import TraceTarget
from common.livekit import LiveKitCredentials
from common.settings import Settings
from db.credentials import resolve_langfuse
from db.engine import Database
from db.repositories.agents import AgentRepository
from db.repositories.placements import PlacementRepository
from db.repositories.settings import SettingRepository
from db.repositories.trials import TrialRepository
from workflows.types import ReleaseInput, ReplicaInput

logger = logging.getLogger(__name__)

TRIAL_LOOK_SECONDS = 1.0
"""LiveKit waits for an answer meanwhile."""

MOVE_IN_SECONDS = 10.0
"""How long an order waits for an attempt that has only just begun: shorter than `RELEASE_TIMEOUT`."""


@dataclass
class HostActivities:
    """What a runtime host does for workflows."""

    lease: Lease
    database: Database
    client: Client
    settings: Settings
    http: aiohttp.ClientSession
    facilities: Facilities
    reports: CallReports
    waiting: WaitingCallers
    farewells: Farewells
    """Agents that another host has or shall have, or that were cancelled, and their last calls here."""

    tenants: dict[tuple[str, int], Tenant] = field(default_factory=dict)
    """The agents on this host by replica and attempt. Two of one may be here at once, where Temporal took the
    first for lost: the order to leave is for one of them."""

    door: Door = field(default_factory=Door)

    attempts: dict[tuple[str, int], asyncio.Event] = field(default_factory=dict)
    """The attempts whose activity runs here, from first to last: set once there is a tenant."""

    @property
    def carried(self) -> set[str]:
        """The replicas of which an attempt runs here."""
        return {replica_id for replica_id, _ in self.attempts}

    @property
    def host(self) -> str:
        """This host's name."""
        return self.lease.name

    @activity.defn
    async def host_agent(self, replica: ReplicaInput) -> None:
        """Register the agent with LiveKit and take its calls until told to leave; then drain."""
        info = activity.info()
        replica_id = info.workflow_id
        assert replica_id
        reporter = Reporter(self.client, replica.agent_id, replica_id, self.host, info.attempt)
        moved_in = self.attempts[replica_id, info.attempt] = asyncio.Event()
        try:
            with told_to_temporal():
                if not self.door.open.is_set():
                    raise HostClosed(f"Host {self.host} takes no agents now; another one does.")
                await Stay(self, replica, reporter, moved_in).run()
        finally:
            moved_in.set()
            del self.attempts[replica_id, info.attempt]

    @activity.defn
    async def release_agent(self, request: ReleaseInput) -> bool:
        """Begin to drain a replica now. False when this host does not run that attempt."""
        one = request.replica_id, request.attempt
        if moved_in := self.attempts.get(one):
            with suppress(TimeoutError):
                await asyncio.wait_for(moved_in.wait(), MOVE_IN_SECONDS)
        tenant = self.tenants.get(one)
        if tenant is None:
            return False
        tenant.agent.leave(request.drain_seconds, notice=request.notice_seconds, last=request.last)
        return True

    async def prepare(self, replica: ReplicaInput) -> tuple[CallJob, LiveKitCredentials]:
        """Read from Postgres what the agent needs: its version, and where it runs."""
        async with self.database.begin() as db_session:
            agents = AgentRepository(db_session, self.database.box)
            stored = agents.version_config(await agents.version(UUID(replica.agent_id), replica.version))
            placements = PlacementRepository(db_session, self.database.box)
            credentials = await placements.of(UUID(replica.deployment_id), self.settings)
            settings = await SettingRepository(db_session, self.database.box).all()
        langfuse = resolve_langfuse(settings, self.settings)
        job = CallJob(
            agent_id=UUID(replica.agent_id),
            slug=replica.slug,
            version=replica.version,
            config=stored.public,
            secrets=stored.secrets,
            database_url=self.settings.database_url,
            traces=TraceTarget(langfuse.host, langfuse.public_key, langfuse.secret_key) if langfuse else None,
            host=self.lease.name,
            process=self.lease.process,
            spool=str(self.settings.bionic_spool),
        )
        return job, credentials

    async def on_trial(self, agent_id: UUID, version: int) -> bool:
        """Whether a version has but a share of the calls; no where Postgres does not say at once."""
        try:
            async with asyncio.timeout(TRIAL_LOOK_SECONDS), self.database.begin() as db_session:
                return await TrialRepository(db_session).goes_on(agent_id, version)
        except (SQLAlchemyError, OSError):
            return False

    async def close(self) -> None:
        """Wait for the agents that are being seen off, each with its own limit, and tell what was lost."""
        await self.farewells.close()
        await self.reports.close()
