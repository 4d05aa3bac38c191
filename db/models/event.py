"""The outbox: what happened, for those outside who want to know."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, Sequence, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base

TROUBLE = "kind IN ('call.recovered', 'call.unanswered')"
NUMBERS = Sequence("event_numbers", metadata=Base.metadata)


class EventRow(Base):
    """One event, written in the transaction of the change that it tells.

    It has no foreign keys: whoever writes one waits for nobody, and it outlives what it is about.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_unnumbered", "id", postgresql_where=text("number IS NULL")),
        Index("ix_events_trouble", "kind", "at", postgresql_where=text(TROUBLE)),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    """In the order of writing: of two that are not concurrent, the later one's is higher."""
    number: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    """Its place in the stream. Given when it is committed, by one at a time: whoever has seen a number will
    see no new lower one."""
    uid: Mapped[UUID] = mapped_column(server_default=func.gen_random_uuid())
    """What receivers know it by: unique among all platforms."""
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    kind: Mapped[str]
    agent_id: Mapped[UUID | None]
    call_id: Mapped[UUID | None]
    deployment_id: Mapped[UUID | None]
    data: Mapped[dict[str, Any]]
    """What there is to say beside those ids; nothing that a caller said, and no secret."""
