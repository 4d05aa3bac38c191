"""Rolling back: the way out when the newest version is worse than the one before."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from api.schemas.deployments import DeployBody, DeploymentAnswer, RollbackBody
from api.services.deployments import Accepted, DeploymentService
from common.errors import Conflict
from common.status import Status
from db.models import AgentRow, DeploymentKind, DeploymentRow
from db.repositories.agents import AgentRepository
from db.repositories.deployments import DeploymentRepository
from db.repositories.versions import VersionRepository

_UNDER_WAY = {Status.VALIDATING, Status.STARTING}


@dataclass(frozen=True)
class RollbackService:
    """Deploys what ran before. The draft stays as it is."""

    deployments: DeploymentService

    async def roll_back(self, ref: str, wanted: RollbackBody, actor: str) -> DeploymentAnswer:
        """Deploy the version wanted, or what ran before the present one, with as many replicas as now.

        The present one is the version that is being rolled out, else the live one, else the one that was
        live or tried last. A rollback that is under way is not rolled back: asking twice is asking once.

        Raises:
            NotFound: the agent has no such version.
            Conflict: it was never deployed, no other version ever ran, or it is live already.
            InvalidInput: the version's config is not fit to run any more.
            Unavailable: Temporal is away; the deployment is marked failed.
        """
        async with self.deployments.postgres.begin() as db_session:
            found = await self._accept(db_session, ref, wanted, actor)
        if isinstance(found, Accepted):
            return await self.deployments.start(found)
        return await self.deployments.show(found.id)

    async def _accept(
        self, db_session: AsyncSession, ref: str, rollback: RollbackBody, actor: str
    ) -> Accepted | DeploymentRow:
        version = rollback.version
        agents = AgentRepository(db_session, self.deployments.postgres.box)
        agent = await agents.get(ref, lock=True)
        if agent.deployment_id is None:
            raise Conflict(f"“{agent.slug}” was never deployed. Deploy it first.")
        deployments = DeploymentRepository(db_session)
        present = await deployments.get(agent.canary_deployment_id or agent.deployment_id)
        under_way = Status(present.status) in _UNDER_WAY
        if under_way and present.kind == DeploymentKind.ROLLBACK and version in {None, present.version}:
            return present
        if version is None:
            version = await self._before(db_session, agent, present, under_way=under_way)
        await agents.version(agent.id, version)
        if version == agent.live_version and not (under_way and present.version != version):
            raise Conflict(f"Version {version} is live already. Choose another version to go back to.")
        serving = await deployments.get(agent.live_deployment_id) if agent.live_deployment_id else present
        wanted = DeployBody(version=version, replicas=serving.replicas, note=rollback.note)
        return await self.deployments.accept(db_session, agent, wanted, actor, DeploymentKind.ROLLBACK)

    async def _before(
        self, db_session: AsyncSession, agent: AgentRow, present: DeploymentRow, *, under_way: bool
    ) -> int:
        """The version that ran before the present one."""
        leaving = present.version
        if agent.live_version is not None and not under_way:
            leaving = agent.live_version
        found = await VersionRepository(db_session).last_that_ran(agent.id, other_than=leaving)
        if found is None:
            raise Conflict(
                f"There is nothing to go back to from version {leaving}: no other version of “{agent.slug}” "
                "was ever running. Name the version to deploy instead."
            )
        return found
