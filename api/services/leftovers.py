"""Deployments that a crash left between the commit and the workflow: handed over now."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from api.services.deployments import DeploymentService
from common.errors import Conflict
from common.status import Status
from db.models import AgentRow, DeploymentRow
from db.repositories.deployments import DeploymentRepository
from db.repositories.unstarted import AgentBefore, UnstartedRepository
from workflows.wishes import Unanswered
from workflows.written import request_of, seen_of

_AGE = timedelta(seconds=20)
"""Longer than a request may take, so that nobody else is about to start the same deployment."""

_log = logging.getLogger("bionic.api")


@dataclass(frozen=True)
class Leftovers:
    """Looks for deployments that no workflow has heard of. One that is handed over twice stays one."""

    deployments: DeploymentService

    async def sweep(self) -> int:
        """Hand over what was left behind, unless something newer was taken; how many were handed over."""
        async with self.deployments.postgres.begin() as db_session:
            unstarted = UnstartedRepository(db_session)
            await unstarted.overtake(_AGE)
            found = await unstarted.left_behind(_AGE)
        handed_over = [await self._hand_over(agent, row) for agent, row in found]
        return sum(handed_over)

    async def _hand_over(self, agent: AgentRow, row: DeploymentRow) -> bool:
        """Whether the agent's workflow has it now. One that it refuses keeps no other one waiting."""
        postgres, settings = self.deployments.postgres, self.deployments.settings
        async with postgres.begin() as db_session:
            deployments = DeploymentRepository(db_session)
            seen = seen_of(agent.sequence, *await deployments.replicas(agent.id))
            note = await deployments.note(row.id)
        request = request_of(row, settings.bionic_drain_seconds, seen, note)
        try:
            await self.deployments.workflows.deploy(str(agent.id), agent.slug, agent.name, request)
        except Conflict as error:
            _log.warning("leftover deployment %s was refused: %s", row.id, error.message)
            before = AgentBefore(Status.RUNNING, agent.live_deployment_id, agent.live_version)
            async with postgres.begin() as db_session:
                await UnstartedRepository(db_session).fail(row.id, error.message, before)
            return False
        except Unanswered as error:
            _log.info("leftover deployment %s waits: %s", row.id, error.message)
            return False
        _log.info("deployment %s was left behind by a crash and is started now", row.id)
        return True
