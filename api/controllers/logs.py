"""`/api/agents/{id}/logs`: what an agent and its calls logged."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from litestar import get
from litestar.params import FromPath, FromQuery, QueryParameter

from api.dependencies import ThePlatform
from api.schemas.logs import LogPage
from api.services.logs import DEFAULT_LINES, MAX_LINES, LogQuery
from common.logs import LogLevel


@get("/api/agents/{agent_id:str}/logs", operation_id="listLogs", tags=["agents"])
async def list_logs(
    platform: ThePlatform,
    agent_id: FromPath[str],
    since: FromQuery[datetime | None] = None,
    level: FromQuery[LogLevel] = LogLevel.DEBUG,
    cursor: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_LINES)] = DEFAULT_LINES,
) -> LogPage:
    """Lines, oldest first: `since` a moment (an hour ago unless said otherwise), of `level` and above."""
    return await platform.logs.list(agent_id, LogQuery(since, level, cursor, limit))
