"""`/api/webhooks`."""

from __future__ import annotations

from typing import Any

from litestar import Request, post

from api.auth import PUBLIC
from api.clients import client_address
from api.dependencies import ThePlatform


@post(
    "/api/webhooks/livekit", opt=PUBLIC, status_code=200, operation_id="takeLiveKitWebhook", tags=["livekit"]
)
async def take_livekit_webhook(platform: ThePlatform, request: Request[Any, Any, Any]) -> dict[str, bool]:
    """An event of LiveKit's, signed by it; `taken` is false when it was known already."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    client = client_address(request, platform.trusted_proxies)
    return {"taken": await platform.webhooks.take(await request.body(), token, client)}
