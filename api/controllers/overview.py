"""`/api/stats`, `/api/livekit/rooms`, `/api/console`: what dashboards show."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version
from typing import Annotated

from litestar import get
from litestar.params import FromPath, FromQuery, QueryParameter

from api.dependencies import ThePlatform
from api.schemas.base import Answer
from api.schemas.stats import AgentStatsAnswer, OverviewAnswer
from api.services.rooms import RoomsAnswer


class ConsoleAnswer(Answer):
    """Where the other parts of the platform have their pages."""

    temporal_ui_url: str
    livekit_url: str
    version: str


@get("/api/stats/overview", operation_id="getOverview", tags=["stats"])
async def get_overview(
    platform: ThePlatform,
    from_: Annotated[datetime | None, QueryParameter(name="from")] = None,
    to: FromQuery[datetime | None] = None,
) -> OverviewAnswer:
    """Counts, durations and latency percentiles; of the last 24 hours unless said otherwise."""
    return await platform.stats.overview(from_, to)


@get("/api/stats/agents/{agent_id:str}", operation_id="getAgentStats", tags=["stats"])
async def get_agent_stats(
    platform: ThePlatform,
    agent_id: FromPath[str],
    from_: Annotated[datetime | None, QueryParameter(name="from")] = None,
    to: FromQuery[datetime | None] = None,
) -> AgentStatsAnswer:
    """The same of one agent, by its id or slug, and by version and by day."""
    return await platform.stats.agent(agent_id, from_, to)


@get("/api/livekit/rooms", operation_id="listRooms", tags=["livekit"])
async def list_rooms(platform: ThePlatform, agent: FromQuery[str | None] = None) -> RoomsAnswer:
    """Rooms and participants from LiveKit's server API, with the credentials that the agent uses."""
    return await platform.rooms.list(agent)


@get("/api/console", operation_id="getConsole", tags=["console"])
async def get_console(platform: ThePlatform) -> ConsoleAnswer:
    """What the console must know of its surroundings."""
    return ConsoleAnswer(
        temporal_ui_url=platform.settings.temporal_ui_url,
        livekit_url=await platform.rooms.public_url(),
        version=version("bionic-agents"),
    )
