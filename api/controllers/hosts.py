"""`/api/hosts`: where agents run."""

from __future__ import annotations

from litestar import Controller, get, post
from litestar.params import FromPath, JSONBody

from api.dependencies import TheActor, ThePlatform
from api.schemas.deployments import Empty
from api.schemas.hosts import HostItem, HostPage
from common.status import Standing


class HostController(Controller):
    """What operators see and want of hosts. Orders answer 202: the host follows within seconds."""

    path = "/api/hosts"
    tags = ("hosts",)

    @get(operation_id="listHosts")
    async def list_hosts(self, platform: ThePlatform) -> HostPage:
        """The runtime hosts: their agents and calls, how busy they are, and when they were last heard of."""
        return await platform.hosts.list()

    @post("/{name:str}/cordon", status_code=202, operation_id="cordonHost")
    async def cordon(
        self,
        platform: ThePlatform,
        actor: TheActor,
        name: FromPath[str],
        data: JSONBody[Empty | None] = None,  # noqa: ARG002 - read so that unknown fields are errors
    ) -> HostItem:
        """Give the host no more agents. Those it has stay, and take calls."""
        return await platform.hosts.order(name, Standing.CORDONED, actor)

    @post("/{name:str}/uncordon", status_code=202, operation_id="uncordonHost")
    async def uncordon(
        self,
        platform: ThePlatform,
        actor: TheActor,
        name: FromPath[str],
        data: JSONBody[Empty | None] = None,  # noqa: ARG002 - as above
    ) -> HostItem:
        """Give the host agents again."""
        return await platform.hosts.order(name, Standing.OPEN, actor)

    @post("/{name:str}/drain", status_code=202, operation_id="drainHost")
    async def drain(
        self,
        platform: ThePlatform,
        actor: TheActor,
        name: FromPath[str],
        data: JSONBody[Empty | None] = None,  # noqa: ARG002 - as above
    ) -> HostItem:
        """Move the host's agents to other hosts; running calls may finish."""
        return await platform.hosts.order(name, Standing.DRAINED, actor)
