"""`/health`."""

from __future__ import annotations

from litestar import Response, get

from api.auth import PUBLIC
from api.dependencies import ThePlatform
from api.services.health import HealthAnswer


@get("/health", opt=PUBLIC, operation_id="getHealth", tags=["health"])
async def get_health(platform: ThePlatform) -> Response[HealthAnswer]:
    """Whether every part of the platform answers: 200 when all do, else 503."""
    answer = await platform.health.get()
    return Response(answer, status_code=200 if answer.status == "ok" else 503)
