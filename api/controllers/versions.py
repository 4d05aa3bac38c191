"""`/api/agents/{id}/versions`: what was published."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody, PathParameter, QueryParameter

from api.dependencies import TheActor, ThePlatform
from api.schemas.agents import AgentAnswer
from api.schemas.deployments import MAX_VERSION, Empty
from api.schemas.versions import DiffAnswer, PublishBody, VersionAnswer, VersionPage
from api.services.versions import parse_ref
from db.repositories.pages import DEFAULT_LIMIT, MAX_LIMIT

Number = Annotated[int, PathParameter(ge=1, le=MAX_VERSION)]


class VersionController(Controller):
    """Drafts made immutable."""

    path = "/api/agents/{agent_id:str}/versions"
    tags = ("versions",)

    @post(
        operation_id="publishVersion",
        responses={
            200: ResponseSpec(
                VersionAnswer,
                description="The newest version, which the draft equals",
                generate_examples=False,
            )
        },
    )
    async def publish(
        self,
        platform: ThePlatform,
        actor: TheActor,
        agent_id: FromPath[str],
        data: JSONBody[PublishBody | None] = None,
    ) -> Response[VersionAnswer]:
        """Make a version of the draft; a draft that equals the newest version answers 200 with that one."""
        note = data.note if data else None
        version, new = await platform.versions.publish(agent_id, note, actor)
        return Response(version, status_code=201 if new else 200)

    @get(operation_id="listVersions")
    async def list_versions(
        self,
        platform: ThePlatform,
        agent_id: FromPath[str],
        cursor: FromQuery[str | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    ) -> VersionPage:
        """An agent's versions, newest first."""
        return await platform.versions.list(agent_id, cursor, limit)

    @get("/diff", operation_id="diffVersions")
    async def diff_versions(
        self,
        platform: ThePlatform,
        agent_id: FromPath[str],
        from_: Annotated[str, QueryParameter(name="from")],
        to: FromQuery[str],
    ) -> DiffAnswer:
        """What differs, field by field; `from` and `to` are numbers of versions or `draft`, in any order."""
        return await platform.versions.diff(agent_id, parse_ref(from_, "from"), parse_ref(to, "to"))

    @get("/{number:int}", operation_id="getVersion")
    async def get_version(
        self, platform: ThePlatform, agent_id: FromPath[str], number: Number
    ) -> VersionAnswer:
        """One version with its config."""
        return await platform.versions.get(agent_id, number)

    @post("/{number:int}/restore", status_code=200, operation_id="restoreVersion")
    async def restore(
        self,
        platform: ThePlatform,
        agent_id: FromPath[str],
        number: Number,
        data: JSONBody[Empty | None] = None,  # noqa: ARG002 - read so that unknown fields are errors
    ) -> AgentAnswer:
        """Make a version the draft again, secrets included; what is deployed goes on unchanged."""
        return await platform.agents.restore(agent_id, number)
