"""`/api/repairs`: what the reconciler put right."""

from __future__ import annotations

from typing import Annotated

from litestar import get
from litestar.params import FromQuery, QueryParameter

from api.dependencies import ThePlatform
from api.schemas.repairs import RepairPage
from db.repositories.pages import DEFAULT_LIMIT, MAX_LIMIT


@get("/api/repairs", operation_id="listRepairs", tags=["repairs"])
async def list_repairs(
    platform: ThePlatform,
    agent: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> RepairPage:
    """What differed between Temporal, Postgres and LiveKit and was put right; `agent` is an id or a slug."""
    return await platform.repairs.list(agent, cursor, limit)
