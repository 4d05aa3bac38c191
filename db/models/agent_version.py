"""Versions: immutable configs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, HasCreated, HasId


class AgentVersionRow(HasId, HasCreated, Base):
    """A published config; a trigger in the database refuses any change to it."""

    __tablename__ = "agent_versions"
    __table_args__ = (UniqueConstraint("agent_id", "number"),)

    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"))
    number: Mapped[int]
    config: Mapped[dict[str, Any]]
    secrets: Mapped[bytes | None]
    author: Mapped[str]
    note: Mapped[str | None]
