"""`/api/webhooks`, as far as we send them, and `/api/deliveries`. Those of LiveKit come in elsewhere."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api.dependencies import ThePlatform
from api.schemas.deployments import Empty
from api.schemas.endpoints import (
    DeliveryAnswer,
    DeliveryPage,
    EndpointAnswer,
    EndpointChange,
    EndpointPage,
    EndpointSecretAnswer,
    NewEndpoint,
)
from db.models import DeliveryState
from db.repositories.pages import DEFAULT_LIMIT, MAX_LIMIT


class EndpointController(Controller):
    """Who is told of events."""

    path = "/api/webhooks"
    tags = ("webhooks",)

    @get(operation_id="listWebhooks")
    async def list_webhooks(
        self,
        platform: ThePlatform,
        cursor: FromQuery[str | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    ) -> EndpointPage:
        """Webhooks, newest first, with how many of their deliveries wait and how many were given up."""
        return await platform.endpoints.list(cursor, limit)

    @post(operation_id="createWebhook")
    async def create_webhook(
        self, platform: ThePlatform, data: JSONBody[NewEndpoint]
    ) -> EndpointSecretAnswer:
        """Have events sent to a URL. The answer has the secret that they are signed with, this once."""
        return await platform.endpoints.create(data)

    @get("/{webhook_id:str}", operation_id="getWebhook")
    async def get_webhook(self, platform: ThePlatform, webhook_id: FromPath[str]) -> EndpointAnswer:
        """One webhook."""
        return await platform.endpoints.get(webhook_id)

    @patch("/{webhook_id:str}", operation_id="changeWebhook")
    async def change_webhook(
        self, platform: ThePlatform, webhook_id: FromPath[str], data: JSONBody[EndpointChange]
    ) -> EndpointAnswer:
        """Change it. Disabled, it gets nothing; what waits is sent if it is enabled within the day."""
        return await platform.endpoints.change(webhook_id, data)

    @delete("/{webhook_id:str}", operation_id="deleteWebhook")
    async def delete_webhook(self, platform: ThePlatform, webhook_id: FromPath[str]) -> None:
        """Forget it, with all that was sent to it."""
        await platform.endpoints.delete(webhook_id)

    @post("/{webhook_id:str}/test", status_code=202, operation_id="testWebhook")
    async def test_webhook(
        self,
        platform: ThePlatform,
        webhook_id: FromPath[str],
        data: JSONBody[Empty | None] = None,  # noqa: ARG002 - read so that unknown fields are errors
    ) -> DeliveryAnswer:
        """Send a test event, as any other is sent; `GET /api/deliveries/{id}` tells what came of it."""
        return await platform.endpoints.test(webhook_id)

    @post("/{webhook_id:str}/rotate", status_code=200, operation_id="rotateWebhookSecret")
    async def rotate_secret(
        self,
        platform: ThePlatform,
        webhook_id: FromPath[str],
        data: JSONBody[Empty | None] = None,  # noqa: ARG002 - as above
    ) -> EndpointSecretAnswer:
        """Make a new secret, shown this once. For a day, deliveries are signed with the old one as well."""
        return await platform.endpoints.rotate(webhook_id)

    @get("/{webhook_id:str}/deliveries", operation_id="listDeliveries")
    async def list_deliveries(
        self,
        platform: ThePlatform,
        webhook_id: FromPath[str],
        state_: Annotated[DeliveryState | None, QueryParameter(name="state")] = None,
        cursor: FromQuery[str | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    ) -> DeliveryPage:
        """What was sent there, newest first, with the log of attempts; `state=dead` was given up."""
        return await platform.endpoints.deliveries(webhook_id, state_, cursor, limit)


class DeliveryController(Controller):
    """What is sent to webhooks."""

    path = "/api/deliveries"
    tags = ("webhooks",)

    @get("/{delivery_id:str}", operation_id="getDelivery")
    async def get_delivery(self, platform: ThePlatform, delivery_id: FromPath[str]) -> DeliveryAnswer:
        """One delivery, with the log of its attempts."""
        return await platform.endpoints.delivery(delivery_id)

    @post("/{delivery_id:str}/redeliver", status_code=202, operation_id="redeliver")
    async def redeliver(
        self,
        platform: ThePlatform,
        delivery_id: FromPath[str],
        data: JSONBody[Empty | None] = None,  # noqa: ARG002 - as above
    ) -> DeliveryAnswer:
        """Send it once more now, whatever became of it, and retry for a day."""
        return await platform.endpoints.redeliver(delivery_id)
