"""Webhook endpoints: who is told of events, and what was sent to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.postgres import Postgres
from api.schemas.endpoints import (
    DeliveryAnswer,
    DeliveryPage,
    EndpointAnswer,
    EndpointChange,
    EndpointPage,
    EndpointSecretAnswer,
    NewEndpoint,
)
from common.errors import FieldError, InvalidInput, NotFound
from common.outward import NOT_PUBLIC
from db.models import DeliveryState, WebhookEndpointRow
from db.repositories.deliveries import DeliveryRepository
from db.repositories.endpoints import EndpointRepository, WantedEndpoint
from db.repositories.pages import Cursor


@dataclass(frozen=True)
class EndpointService:
    """Shows and changes endpoints. Control workers deliver."""

    postgres: Postgres
    permits: Callable[[str], bool]
    """Whether a URL may be entered, as far as it says itself where it leads."""

    async def list(self, cursor: str | None, limit: int) -> EndpointPage:
        """A page of endpoints, newest first."""
        after = Cursor.decode(cursor)
        async with self.postgres.begin() as db_session:
            endpoints = self._endpoints(db_session)
            page = await endpoints.list(after, limit)
            counts = await endpoints.counts([row.id for row in page.items])
            items = [EndpointAnswer.of(row, endpoints.secret(row), counts[row.id]) for row in page.items]
        return EndpointPage(items=items, next_cursor=page.next_cursor)

    async def create(self, new: NewEndpoint) -> EndpointSecretAnswer:
        """Make one; the answer alone has its secret.

        Raises:
            InvalidInput: the URL leads inside.
        """
        self._check(new.url)
        async with self.postgres.begin() as db_session:
            wanted = WantedEndpoint(new.url, new.description, new.kinds, new.enabled)
            row, secret = await self._endpoints(db_session).create(wanted)
            return _with_secret(row, secret, {})

    async def get(self, webhook_id: str) -> EndpointAnswer:
        """One endpoint."""
        async with self.postgres.begin() as db_session:
            return await self._answer(db_session, _id(webhook_id))

    async def change(self, webhook_id: str, change: EndpointChange) -> EndpointAnswer:
        """Change what is named; an endpoint that is enabled again has no past.

        Raises:
            InvalidInput: the URL leads inside.
        """
        values = {name: getattr(change, name) for name in change.model_fields_set}
        if "url" in values:
            self._check(change.url)
        async with self.postgres.begin() as db_session:
            row = await self._endpoints(db_session).get(_id(webhook_id), lock=True)
            if values.get("enabled") and not row.enabled:
                values |= {"disabled_at": None, "disabled_reason": None, "failing_since": None}
            elif values.get("enabled") is False and row.enabled:
                values |= {"disabled_at": datetime.now(UTC)}
            for name, value in values.items():
                setattr(row, name, value)
            await db_session.flush()
            return await self._answer(db_session, row.id)

    async def delete(self, webhook_id: str) -> None:
        """Forget one, with all that was sent to it."""
        async with self.postgres.begin() as db_session:
            await self._endpoints(db_session).delete(_id(webhook_id))

    async def rotate(self, webhook_id: str) -> EndpointSecretAnswer:
        """A new secret; for a day, deliveries are signed with the one before as well."""
        async with self.postgres.begin() as db_session:
            endpoints = self._endpoints(db_session)
            row = await endpoints.get(_id(webhook_id), lock=True)
            secret = await endpoints.rotate(row)
            counts = await endpoints.counts([row.id])
            return _with_secret(row, secret, counts[row.id])

    async def test(self, webhook_id: str) -> DeliveryAnswer:
        """Send a test event there, as any other is sent."""
        async with self.postgres.begin() as db_session:
            row = await self._endpoints(db_session).get(_id(webhook_id))
            deliveries = DeliveryRepository(db_session)
            return DeliveryAnswer.of(await deliveries.get(await deliveries.test(row)))

    async def deliveries(
        self, webhook_id: str, state: DeliveryState | None, cursor: str | None, limit: int
    ) -> DeliveryPage:
        """A page of what was sent there, newest first."""
        after = Cursor.decode(cursor)
        async with self.postgres.begin() as db_session:
            row = await self._endpoints(db_session).get(_id(webhook_id))
            page = await DeliveryRepository(db_session).list(row.id, state, after, limit)
        return DeliveryPage(
            items=[DeliveryAnswer.of(each) for each in page.items], next_cursor=page.next_cursor
        )

    async def delivery(self, delivery_id: str) -> DeliveryAnswer:
        """One delivery."""
        async with self.postgres.begin() as db_session:
            found = await DeliveryRepository(db_session).get(_id(delivery_id, "delivery"))
            return DeliveryAnswer.of(found)

    async def redeliver(self, delivery_id: str) -> DeliveryAnswer:
        """Send it once more, whatever became of it."""
        async with self.postgres.begin() as db_session:
            deliveries, found = DeliveryRepository(db_session), _id(delivery_id, "delivery")
            await deliveries.redeliver(found)
            return DeliveryAnswer.of(await deliveries.get(found))

    def _endpoints(self, db_session: AsyncSession) -> EndpointRepository:
        return EndpointRepository(db_session, self.postgres.box)

    async def _answer(self, db_session: AsyncSession, endpoint_id: UUID) -> EndpointAnswer:
        endpoints = self._endpoints(db_session)
        row = await endpoints.get(endpoint_id)
        counts = await endpoints.counts([row.id])
        answer: EndpointAnswer = EndpointAnswer.of(row, endpoints.secret(row), counts[row.id])
        return answer

    def _check(self, url: str) -> None:
        if not self.permits(url):
            raise InvalidInput("The webhook's URL is not valid.", [FieldError("/url", NOT_PUBLIC)])


def _with_secret(row: WebhookEndpointRow, secret: str, counts: Mapping[str, int]) -> EndpointSecretAnswer:
    answer: EndpointSecretAnswer = EndpointSecretAnswer.of(row, secret, counts, signing_secret=secret)
    return answer


def _id(text: str, what: str = "webhook") -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no {what} “{text}”.") from None
