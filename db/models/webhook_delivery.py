"""What is sent to endpoints: one row for each event and endpoint."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, HasCreated, HasId


class DeliveryState(StrEnum):
    """How a delivery is."""

    PENDING = "pending"
    """It is, or will be, tried."""
    DELIVERED = "delivered"
    DEAD = "dead"
    """It is not tried any more, unless somebody asks for it."""


class WebhookDeliveryRow(HasId, HasCreated, Base):
    """An event on its way to an endpoint."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("event_id", "endpoint_id"),
        Index(None, "endpoint_id", "created_at", "id"),
        Index(
            "ix_webhook_deliveries_pending",
            "endpoint_id",
            "next_at",
            postgresql_where=text("state = 'pending'"),
        ),
        Index("ix_webhook_deliveries_dead", "endpoint_id", postgresql_where=text("state = 'dead'")),
    )

    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    event_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("events.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(server_default=DeliveryState.PENDING)
    attempts: Mapped[int] = mapped_column(server_default="0")
    """How many have begun. The number of the newest one is its fence: an older one has no say any more."""
    next_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When it is due. While it is being tried: when another worker takes this one for dead."""
    give_up_at: Mapped[datetime]
    """The first failure after that is the last one."""
    last_status: Mapped[int | None]
    last_error: Mapped[str | None]
    finished_at: Mapped[datetime | None]
