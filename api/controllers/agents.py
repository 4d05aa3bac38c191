"""`/api/agents`: definitions."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api.dependencies import ThePlatform
from api.schemas.agents import AgentAnswer, AgentChange, AgentPage, NewAgent
from db.repositories.pages import DEFAULT_LIMIT, MAX_LIMIT


class AgentController(Controller):
    """What builders make."""

    path = "/api/agents"
    tags = ("agents",)

    @get(operation_id="listAgents")
    async def list_agents(
        self,
        platform: ThePlatform,
        cursor: FromQuery[str | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    ) -> AgentPage:
        """Agents with their live status, newest first."""
        return await platform.agents.list(cursor, limit)

    @post(operation_id="createAgent")
    async def create_agent(self, platform: ThePlatform, data: JSONBody[NewAgent]) -> AgentAnswer:
        """Make an agent; its config is the draft."""
        return await platform.agents.create(data)

    @get("/{agent_id:str}", operation_id="getAgent")
    async def get_agent(self, platform: ThePlatform, agent_id: FromPath[str]) -> AgentAnswer:
        """One agent by id or slug."""
        return await platform.agents.get(agent_id)

    @patch("/{agent_id:str}", operation_id="changeAgent")
    async def change_agent(
        self, platform: ThePlatform, agent_id: FromPath[str], data: JSONBody[AgentChange]
    ) -> AgentAnswer:
        """Change the name or the draft."""
        return await platform.agents.change(agent_id, data)

    @delete("/{agent_id:str}", operation_id="deleteAgent")
    async def delete_agent(self, platform: ThePlatform, agent_id: FromPath[str]) -> None:
        """Delete an agent that is not deployed."""
        await platform.agents.delete(agent_id)
