"""Repairs: what the reconciler put right."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, HasCreated, HasId


class RepairRow(HasId, HasCreated, Base):
    """One repair; it stays when its agent is deleted, which may have been the reason for it."""

    __tablename__ = "repairs"
    __table_args__ = (Index(None, "created_at", "id"), Index(None, "agent_id", "created_at"))

    kind: Mapped[str]
    agent_id: Mapped[UUID | None] = mapped_column()
    subject: Mapped[str]
    """The id of what was put right: an agent, a replica, a deployment or a call."""
    what: Mapped[str]
    """In plain words."""
