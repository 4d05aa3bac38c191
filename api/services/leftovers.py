"""Deployments that a crash left between the commit and the workflow: handed over now."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from api.services.deployments import DeploymentService
from common.errors import Conflict
from db.repositories.deployments import DeploymentRepository
from db.repositories.unstarted import UnstartedRepository
from workflows.types import Seen
from workflows.wishes import request_of

_AGE = timedelta(seconds=20)
"""Longer than a request may take, so that nobody else is about to start the same deployment."""

_log = logging.getLogger("bionic.api")


@dataclass(frozen=True)
class Leftovers:
    """Looks for deployments that no workflow has heard of. One that is handed over twice stays one."""

    deployments: DeploymentService

    async def sweep(self) -> int:
        """Hand over what was left behind; how many there were."""
        async with self.deployments.postgres.begin() as db_session:
            found = await UnstartedRepository(db_session).left_behind(_AGE)
        drain = self.deployments.settings.bionic_drain_seconds
        for agent, row in found:
            async with self.deployments.postgres.begin() as db_session:
                started = await DeploymentRepository(db_session).replicas_started(agent.id)
            seen = Seen(agent.sequence, started)
            request = request_of(row, drain, seen)
            workflows = self.deployments.workflows
            try:
                await workflows.deploy(str(agent.id), agent.slug, agent.name, request)
            except Conflict as error:
                _log.warning("leftover deployment %s was refused: %s", row.id, error.message)
                continue
            _log.info("deployment %s was left behind by a crash and is started now", row.id)
        return len(found)
