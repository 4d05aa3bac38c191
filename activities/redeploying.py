"""Deployments that the reconciler starts: of agents that Temporal lost, or that lack replicas."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import aiohttp
from sqlalchemy.ext.asyncio import AsyncSession

from common.errors import LiveKitRefused, NotFound
from common.livekit import LiveKitCredentials
from common.livekit_server import check_livekit
from common.settings import Settings
from common.status import Status
from db.engine import Database
from db.models import AgentRow, DeploymentRow
from db.repositories.agents import AgentRepository
from db.repositories.deployments import FIRST, DeploymentRepository, NewTransition
from db.repositories.drifts import DriftRepository
from db.repositories.placements import PlacementRepository
from db.repositories.unstarted import UnstartedRepository
from workflows.policy import RECONCILER
from workflows.reconcile_types import Drift, Repair
from workflows.types import DeployRequest
from workflows.wishes import Workflows
from workflows.written import request_of, seen_of

UNTAKEN = timedelta(seconds=20)
"""Longer than a request may take: somebody may be handing over a younger deployment."""

AGAIN = timedelta(hours=1)
"""Before replicas are replaced again, after that came to nothing."""

LOST = "Temporal had lost the agent's workflow."


@dataclass(frozen=True)
class Redeploying:
    """Asks agents' workflows for deployments, on behalf of nobody."""

    wishes: Workflows
    database: Database
    settings: Settings
    http: aiohttp.ClientSession

    async def lost(self, agent_id: UUID) -> list[Repair]:
        """Start the workflow of an agent that has none. What of it still runs serves until it is replaced.

        Raises:
            LiveKitUnreachable: LiveKit is away, so a deployment would only fail.
        """
        async with self.database.begin() as db_session:
            agent = await AgentRepository(db_session, self.database.box).find(str(agent_id))
            if agent is None:
                return []
            row = await self._to_run(db_session, agent)
            if row is None:
                return []
            if agent.live_deployment_id is None and agent.status == Status.DRAINING:
                await UnstartedRepository(db_session).give_up(agent, RECONCILER, LOST)
                what = f"Temporal lost “{agent.slug}” while it was stopped: it is shown as stopped."
                return [Repair(Drift.AGENT_LOST, str(agent.id), str(agent.id), what)]
            place = await self._place(db_session, row)
        if row.sequence == FIRST:
            return await self.unheard(agent, row)
        await self._check(place)
        again = replace(await self._request(agent, row, row.sequence + 1), actor=RECONCILER, note=LOST)
        if agent.live_deployment_id:
            again = replace(again, canary=[])
        await self._hand_over(agent, again)
        note = NewTransition(
            row.sequence + 1, datetime.now(UTC), Status.VALIDATING, RECONCILER, LOST, row.attempt
        )
        async with self.database.begin() as db_session:
            await DeploymentRepository(db_session).record(row.id, [note])
        what = f"Temporal had no workflow of “{agent.slug}”: version {row.version} is deployed again."
        return [Repair(Drift.AGENT_LOST, str(agent.id), str(agent.id), what)]

    async def _to_run(self, db_session: AsyncSession, agent: AgentRow) -> DeploymentRow | None:
        """The deployment that should run: what is live, else what is under way."""
        if agent.live_deployment_id is None and Status(agent.status).terminal:
            return None
        wanted = agent.live_deployment_id or agent.deployment_id
        return await db_session.get(DeploymentRow, wanted) if wanted else None

    async def unheard(self, agent: AgentRow, row: DeploymentRow) -> list[Repair]:
        """Hand over a deployment that was accepted, and of which the agent's workflow does not know."""
        if datetime.now(UTC) - row.created_at < UNTAKEN:
            return []
        await self._hand_over(agent, await self._request(agent, row, row.sequence))
        what = f"Version {row.version} of “{agent.slug}” was to be deployed, and nobody did: it is started."
        return [Repair(Drift.UNHEARD, str(agent.id), str(row.id), what)]

    async def short(self, agent_id: UUID) -> list[Repair]:
        """Deploy the live version again: replicas that serve stay, those that are missing are started.

        Raises:
            LiveKitUnreachable: LiveKit is away, so it would only fail.
        """
        async with self.database.begin() as db_session:
            live = await self._short_of(db_session, agent_id)
            if live is None:
                return []
            place = await self._place(db_session, live)
        await self._check(place)
        async with self.database.begin() as db_session:
            agent = await AgentRepository(db_session, self.database.box).get(str(agent_id), lock=True)
            if await self._short_of(db_session, agent_id) is None:
                return []
            deployments = DeploymentRepository(db_session)
            row, _ = await deployments.create(
                agent, uuid4(), live.version, live.replicas, RECONCILER, drain_seconds=live.drain_seconds
            )
            # As it was before: the deployment is written by now.
            seen = seen_of(agent.sequence, *await deployments.replicas(agent_id))
        await self._hand_over(agent, request_of(row, self.settings.bionic_drain_seconds, seen))
        what = f"“{agent.slug}” lacked replicas: version {live.version} is deployed again."
        return [Repair(Drift.SHORT, str(agent_id), str(agent_id), what)]

    async def _short_of(self, db_session: AsyncSession, agent_id: UUID) -> DeploymentRow | None:
        """The live deployment, unless something is under way, or the last try failed not long ago."""
        agent = await AgentRepository(db_session, self.database.box).find(str(agent_id))
        newest = await DriftRepository(db_session).newest_deployment(agent_id)
        if agent is None or agent.live_deployment_id is None or newest is None:
            return None
        if newest.id != agent.live_deployment_id:
            failed = newest.actor == RECONCILER and newest.status == Status.FAILED
            tried = failed and datetime.now(UTC) - newest.created_at < AGAIN
            if tried or not Status(newest.status).terminal:
                return None
        return await DeploymentRepository(db_session).get(agent.live_deployment_id)

    async def _request(self, agent: AgentRow, row: DeploymentRow, sequence: int) -> DeployRequest:
        async with self.database.begin() as db_session:
            deployments = DeploymentRepository(db_session)
            seen = seen_of(agent.sequence, *await deployments.replicas(agent.id), sequence)
            note = await deployments.note(row.id)
        return request_of(row, self.settings.bionic_drain_seconds, seen, note)

    async def _hand_over(self, agent: AgentRow, request: DeployRequest) -> None:
        await self.wishes.deploy(str(agent.id), agent.slug, agent.name, request, lost=True)

    async def _place(self, db_session: AsyncSession, row: DeploymentRow) -> LiveKitCredentials | None:
        try:
            return await PlacementRepository(db_session, self.database.box).of(row.id, self.settings)
        except NotFound:
            return None

    async def _check(self, place: LiveKitCredentials | None) -> None:
        """A key that is refused is for the deployment to tell; LiveKit being away is for another round."""
        if place:
            with suppress(LiveKitRefused):
                await check_livekit(place, self.http)
