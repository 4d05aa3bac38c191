"""Replicas: one registration with LiveKit each."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import NOT_OVER, Base


class ReplicaRow(Base):
    """The newest known state of a replica, as its agent's workflow tells it."""

    __tablename__ = "replicas"
    __table_args__ = (Index("ix_replicas_open", "agent_id", postgresql_where=text(NOT_OVER)),)

    id: Mapped[str] = mapped_column(primary_key=True)
    """The id of its workflow."""
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"), index=True)
    deployment_id: Mapped[UUID] = mapped_column(ForeignKey("deployments.id", ondelete="CASCADE"), index=True)
    version: Mapped[int]
    number: Mapped[int]
    sequence: Mapped[int] = mapped_column(server_default="0")
    """Orders it among all that the workflow tells: what is older changes nothing."""
    status: Mapped[str]
    attempt: Mapped[int]
    host: Mapped[str | None] = mapped_column(index=True)
    worker_id: Mapped[str | None]
    """LiveKit's id of the registration."""
    reason: Mapped[str | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
