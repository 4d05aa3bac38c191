"""Seed flow 2: an agent saved and deployed by one request, which may be sent twice."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.postgres import Postgres
from api.schemas.deployments import DeployBody, RegisterAnswer, RegisterBody
from api.services.agents import check_config, stored
from api.services.deployments import Accepted, DeploymentService
from api.slugs import check_slug, is_uuid, slug_of
from common.errors import Conflict, FieldError, InvalidInput
from common.status import Status
from db.models import AgentRow, DeploymentRow
from db.repositories.agents import AgentRepository
from db.repositories.deployments import DeploymentRepository

_OVER = {Status.DRAINING, Status.STOPPED, Status.FAILED}
"""What drains takes no calls any more: whoever registers then wants it back."""


@dataclass(frozen=True)
class RegistrationService:
    """Saves and deploys."""

    postgres: Postgres
    deployments: DeploymentService

    async def register(self, body: RegisterBody, actor: str) -> RegisterAnswer:
        """Save the agent, and deploy it unless this very config is deployed or being deployed already.

        Raises:
            InvalidInput: the id or the config is wrong; nothing was saved.
            Unavailable: Temporal is away: the agent is saved, its deployment is marked failed. Or too many
                are asked for at once: nothing was saved.
        """
        await check_config(body.config)
        async with self.deployments.turns.take():
            return await self._register(body, actor)

    async def _register(self, body: RegisterBody, actor: str) -> RegisterAnswer:
        try:
            found = await self._save(body, actor)
        except Conflict:
            # Somebody registered the same agent in the meantime: now it is there.
            found = await self._save(body, actor)
        if isinstance(found, Accepted):
            started = await self.deployments.start(found)
            return RegisterAnswer(agent_id=started.agent_id, deployment_id=started.id, status=started.status)
        return RegisterAnswer(agent_id=found.agent_id, deployment_id=found.id, status=found.status)

    async def _save(self, body: RegisterBody, actor: str) -> Accepted | DeploymentRow:
        async with self.postgres.begin() as db_session:
            agents = AgentRepository(db_session, self.postgres.box)
            agent = await self._agent(agents, body)
            agents.write_draft(agent, stored(body.config, agents.draft(agent)))
            agent.name = body.name
            running = await self._running(db_session, agent)
            if running is not None:
                version = await agents.version(agent.id, running.version)
                if agents.version_config(version) == agents.draft(agent):
                    return running
            return await self.deployments.accept(db_session, agent, DeployBody(), actor)

    async def _agent(self, agents: AgentRepository, body: RegisterBody) -> AgentRow:
        ref = body.agent_id or slug_of(body.name)
        if await agents.find(ref) is not None:
            return await agents.get(ref, lock=True)
        config = stored(body.config)
        if is_uuid(ref):
            return await agents.create(body.name, slug_of(body.name), config, UUID(ref))
        try:
            return await agents.create(body.name, check_slug(ref), config)
        except ValueError as error:
            raise InvalidInput("The agent's id is not valid.", [FieldError("/agentId", str(error))]) from None

    async def _running(self, db_session: AsyncSession, agent: AgentRow) -> DeploymentRow | None:
        if agent.deployment_id is None:
            return None
        row = await DeploymentRepository(db_session).get(agent.deployment_id)
        return None if Status(row.status) in _OVER else row
