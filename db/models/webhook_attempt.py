"""The log of attempts to deliver."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class WebhookAttemptRow(Base):
    """One attempt of a delivery."""

    __tablename__ = "webhook_attempts"
    __table_args__ = (UniqueConstraint("delivery_id", "number"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_deliveries.id", ondelete="CASCADE"))
    number: Mapped[int]
    at: Mapped[datetime]
    """When it began, by the clock of the worker."""
    ms: Mapped[int]
    """How long it took."""
    status: Mapped[int | None]
    """Of HTTP; none where there was no answer."""
    error: Mapped[str | None]
    answer: Mapped[str | None]
    """How what was answered begins."""
