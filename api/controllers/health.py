"""`/health`."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get

from api.auth import PUBLIC, is_known
from api.dependencies import ThePlatform
from api.services.health import HealthAnswer


@get("/health", opt=PUBLIC, operation_id="getHealth", tags=["health"])
async def get_health(platform: ThePlatform, request: Request[Any, Any, Any]) -> Response[HealthAnswer]:
    """Whether every part of the platform answers: 503 when one is down, else 200.

    Callers who are signed in are told what is wrong with a part that is down, or degraded.
    """
    answer = await platform.health.get()
    if not is_known(platform.settings, request):
        answer = answer.without_details()
    return Response(answer, status_code=200 if answer.serves else 503)
