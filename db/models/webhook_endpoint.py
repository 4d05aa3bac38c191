"""Addresses that are told of events."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ARRAY, Text, true
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, HasCreated, HasId


class WebhookEndpointRow(HasId, HasCreated, Base):
    """Somebody's address, and which events it gets."""

    __tablename__ = "webhook_endpoints"

    url: Mapped[str]
    description: Mapped[str | None]
    kinds: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    """Kinds, or groups such as `call.*`; none means all, also those that are yet to come."""
    enabled: Mapped[bool] = mapped_column(server_default=true())
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None]
    """Why the platform gave it up; none where a person switched it off."""
    secret: Mapped[bytes]
    previous_secret: Mapped[bytes | None]
    previous_until: Mapped[datetime | None]
    """Until then deliveries are signed with the secret before the last rotation as well."""
    failing_since: Mapped[datetime | None]
    """The first failure since which nothing has arrived."""
    failed_at: Mapped[datetime | None]
    """The last failure."""
