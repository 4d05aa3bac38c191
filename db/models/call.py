"""Calls: one conversation, one LiveKit room."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, HasCreated, HasId


class CallRow(HasId, HasCreated, Base):
    """A conversation from the moment its token was minted, or its first job ran."""

    __tablename__ = "calls"
    __table_args__ = (
        Index(None, "agent_id", "created_at"),
        Index(None, "created_at", "id"),
        Index(
            "ix_calls_open",
            "agent_id",
            postgresql_where=text("status IN ('waiting', 'active', 'recovering')"),
        ),
    )

    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"))
    version: Mapped[int | None]
    room: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str]
    identity: Mapped[str | None]
    """The caller's participant identity."""
    attributes: Mapped[dict[str, Any] | None]
    caller_joined_at: Mapped[datetime | None]
    """When LiveKit told that the caller is in the room."""
    started_at: Mapped[datetime | None]
    """When an agent was first in the room."""
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]
    trace_id: Mapped[str | None]
    """OpenTelemetry's id of the call's trace, in hex."""
