"""Queries on webhook endpoints."""

from __future__ import annotations

import base64
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import case, delete, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from common.errors import NotFound
from db.crypto import SecretBox
from db.models import DeliveryState, WebhookDeliveryRow, WebhookEndpointRow
from db.repositories.pages import Cursor, Page

ROTATED = timedelta(days=1)
"""For so long deliveries are signed with the secret before as well."""

HOPELESS = timedelta(days=5)
"""An endpoint to which nothing was delivered for so long is disabled."""

_APART = timedelta(days=1)
"""Failures further apart have nothing to do with each other."""

_PREFIX = "whsec_"
_SECRET_BYTES = 32


@dataclass(frozen=True)
class Address:
    """Where deliveries go, and what they are signed with."""

    endpoint_id: UUID
    url: str
    secrets: tuple[str, ...] = field(repr=False)
    failing: bool = False
    """Whether the last delivery failed."""


@dataclass(frozen=True)
class WantedEndpoint:
    """What somebody enters."""

    url: str
    description: str | None = None
    kinds: list[str] | None = None
    enabled: bool = True


class EndpointRepository:
    """Reads and writes endpoints; secrets are sealed on the way in."""

    def __init__(self, db_session: AsyncSession, box: SecretBox) -> None:
        self._db_session = db_session
        self._box = box

    async def create(self, wanted: WantedEndpoint) -> tuple[WebhookEndpointRow, str]:
        """A new endpoint, and its secret in clear."""
        endpoint_id, secret = uuid4(), _new_secret()
        sealed = self._box.seal(secret, _place(endpoint_id))
        row = WebhookEndpointRow(id=endpoint_id, secret=sealed, **vars(wanted))
        self._db_session.add(row)
        await self._db_session.flush()
        return row, secret

    async def get(self, endpoint_id: UUID, *, lock: bool = False) -> WebhookEndpointRow:
        """One endpoint; `lock` makes others who change it wait.

        Raises:
            NotFound: there is none.
        """
        row = await self._db_session.get(WebhookEndpointRow, endpoint_id, with_for_update=lock)
        if row is None:
            raise NotFound(f"There is no webhook {endpoint_id}.")
        return row

    async def list(self, cursor: Cursor | None, limit: int) -> Page[WebhookEndpointRow]:
        """A page of endpoints, newest first."""
        key = (WebhookEndpointRow.created_at, WebhookEndpointRow.id)
        statement = select(WebhookEndpointRow).order_by(*(each.desc() for each in key)).limit(limit + 1)
        if cursor:
            statement = statement.where(tuple_(*key) < tuple_(cursor.created_at, cursor.id))
        found = list((await self._db_session.execute(statement)).scalars())
        rows = found[:limit]
        last = rows[-1] if len(found) > limit else None
        return Page(rows, Cursor(last.created_at, last.id).encode() if last else None)

    async def counts(self, endpoint_ids: Sequence[UUID]) -> dict[UUID, Counter[str]]:
        """How many deliveries of each are pending and how many are dead."""
        row = WebhookDeliveryRow
        found: dict[UUID, Counter[str]] = {each: Counter() for each in endpoint_ids}
        for state in (DeliveryState.PENDING, DeliveryState.DEAD):
            statement = (
                select(row.endpoint_id, func.count())
                .where(row.endpoint_id.in_(endpoint_ids), row.state == state)
                .group_by(row.endpoint_id)
            )
            for endpoint_id, count in await self._db_session.execute(statement):
                found[endpoint_id][state] = count
        return found

    async def rotate(self, row: WebhookEndpointRow) -> str:
        """A new secret, in clear. The one before is good for a while yet."""
        before, secret = self.secret(row), _new_secret()
        row.previous_secret = self._box.seal(before, _place(row.id, "previous"))
        row.previous_until = datetime.now(UTC) + ROTATED
        row.secret = self._box.seal(secret, _place(row.id))
        await self._db_session.flush()
        return secret

    def secret(self, row: WebhookEndpointRow) -> str:
        """Its secret in clear: for use inside the platform.

        Raises:
            SecretUnreadable: it was sealed with another key.
        """
        return self._box.open(row.secret, _place(row.id))

    async def address(self, endpoint_id: UUID) -> Address | None:
        """Where deliveries go; None where none should.

        Raises:
            SecretUnreadable: its secret was sealed with another key.
        """
        row = await self._db_session.get(WebhookEndpointRow, endpoint_id)
        if row is None or not row.enabled:
            return None
        known = [self.secret(row)]
        if row.previous_secret and row.previous_until and row.previous_until > datetime.now(UTC):
            known.append(self._box.open(row.previous_secret, _place(row.id, "previous")))
        return Address(row.id, row.url, tuple(known), row.failing_since is not None)

    async def delete(self, endpoint_id: UUID) -> None:
        """Forget an endpoint, with all that was sent to it.

        Raises:
            NotFound: there is none.
        """
        gone = delete(WebhookEndpointRow).where(WebhookEndpointRow.id == endpoint_id)
        found = await self._db_session.execute(gone.returning(WebhookEndpointRow.id))
        if found.scalar_one_or_none() is None:
            raise NotFound(f"There is no webhook {endpoint_id}.")

    async def succeeded(self, endpoint_id: UUID) -> None:
        """Something was delivered."""
        row = WebhookEndpointRow
        statement = update(row).where(row.id == endpoint_id, row.failing_since.is_not(None))
        await self._db_session.execute(statement.values(failing_since=None))

    async def failed(self, endpoint_id: UUID, error: str, hopeless: timedelta = HOPELESS) -> bool:
        """Something was not delivered; tells whether the endpoint is given up for it."""
        row, now = WebhookEndpointRow, func.now()
        fresh = or_(row.failing_since.is_(None), row.failed_at < now - _APART)
        since = case((fresh, now), else_=row.failing_since)
        statement = update(row).where(row.id == endpoint_id).values(failing_since=since, failed_at=now)
        first = (await self._db_session.execute(statement.returning(row.failing_since, now))).one_or_none()
        if first is None:
            return False
        begun, at = first
        if begun is None or at - begun < hopeless:
            return False
        days = f"{hopeless.days} days" if hopeless.days != 1 else "a day"
        return await self.disable(endpoint_id, f"Nothing was delivered for {days}. The last time: {error}.")

    async def disable(self, endpoint_id: UUID, reason: str) -> bool:
        """Send nothing there any more; tells whether it was enabled."""
        row = WebhookEndpointRow
        statement = (
            update(row)
            .where(row.id == endpoint_id, row.enabled)
            .values(enabled=False, disabled_at=func.now(), disabled_reason=reason)
            .returning(row.id)
        )
        return (await self._db_session.execute(statement)).scalar_one_or_none() is not None


def _new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def _place(endpoint_id: UUID, which: str = "secret") -> str:
    """What a sealed secret is bound to."""
    return f"webhook_endpoints/{endpoint_id}/{which}"
