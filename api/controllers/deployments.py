"""`/api/agents/{id}/deploy` and what belongs to it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api.dependencies import TheActor, ThePlatform
from api.schemas.deployments import (
    DeployBody,
    DeploymentAnswer,
    DeploymentPage,
    RegisterAnswer,
    RegisterBody,
    RetryBody,
    RollbackBody,
    StopAnswer,
    StopBody,
)
from api.slugs import is_uuid
from common.errors import NotFound
from db.repositories.pages import DEFAULT_LIMIT, MAX_LIMIT


class DeploymentController(Controller):
    """Bringing agents up and down. Each answers 202: the workflow goes on."""

    path = "/api"
    tags = ("deployments",)

    @post("/agents/register", status_code=202, operation_id="registerAgent")
    async def register(
        self, platform: ThePlatform, actor: TheActor, data: JSONBody[RegisterBody]
    ) -> RegisterAnswer:
        """Save and deploy in one go; the same body twice is one deployment."""
        return await platform.registration.register(data, actor)

    @post("/agents/{agent_id:str}/deploy", status_code=202, operation_id="deployAgent")
    async def deploy(
        self,
        platform: ThePlatform,
        actor: TheActor,
        agent_id: FromPath[str],
        data: JSONBody[DeployBody | None] = None,
    ) -> DeploymentAnswer:
        """Publish the draft if it changed and deploy it, or deploy the version that is named."""
        return await platform.deployments.deploy(agent_id, data or DeployBody(), actor)

    @post("/agents/{agent_id:str}/rollback", status_code=202, operation_id="rollbackAgent")
    async def rollback(
        self,
        platform: ThePlatform,
        actor: TheActor,
        agent_id: FromPath[str],
        data: JSONBody[RollbackBody | None] = None,
    ) -> DeploymentAnswer:
        """Deploy the version that is named, or the one that ran before; the draft stays as it is."""
        return await platform.rollbacks.roll_back(agent_id, data or RollbackBody(), actor)

    @post("/agents/{agent_id:str}/retry", status_code=202, operation_id="retryAgent")
    async def retry(
        self,
        platform: ThePlatform,
        actor: TheActor,
        agent_id: FromPath[str],
        data: JSONBody[RetryBody | None] = None,
    ) -> DeploymentAnswer:
        """Try a failed deployment again."""
        return await platform.deployments.retry(agent_id, actor, data.note if data else None)

    @post("/agents/{agent_id:str}/stop", status_code=202, operation_id="stopAgent")
    async def stop(
        self,
        platform: ThePlatform,
        actor: TheActor,
        agent_id: FromPath[str],
        data: JSONBody[StopBody | None] = None,
    ) -> StopAnswer:
        """Run no version any more; with `drain`, running calls may end in peace, within `drainSeconds`."""
        return await platform.deployments.stop(agent_id, actor, data or StopBody())

    @get("/agents/{agent_id:str}/deployments", operation_id="listDeployments")
    async def list_deployments(
        self,
        platform: ThePlatform,
        agent_id: FromPath[str],
        cursor: FromQuery[str | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    ) -> DeploymentPage:
        """An agent's deployments with every transition, newest first."""
        return await platform.deployments.history(agent_id, cursor, limit)

    @get("/deployments/{deployment_id:str}", operation_id="getDeployment")
    async def get_deployment(self, platform: ThePlatform, deployment_id: FromPath[str]) -> DeploymentAnswer:
        """A deployment with every transition."""
        if not is_uuid(deployment_id):
            raise NotFound(f"There is no deployment “{deployment_id}”.")
        return await platform.deployments.show(UUID(deployment_id))
