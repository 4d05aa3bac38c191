"""LiveKit's webhooks that were taken in, so that a repeated one is ignored."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, HasCreated


class LiveKitEventRow(HasCreated, Base):
    """One webhook, by the id that LiveKit gave it."""

    __tablename__ = "livekit_events"
    __table_args__ = (Index(None, "created_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    event: Mapped[str]
    room: Mapped[str | None] = mapped_column(index=True)
