"""Hosts: the runtime processes that carry agents."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class HostRow(Base):
    """What a runtime host last said of itself."""

    __tablename__ = "hosts"

    name: Mapped[str] = mapped_column(primary_key=True)
    process: Mapped[str] = mapped_column(server_default="")
    """Tells one process of that name from the one before it; empty when the last one has left in order."""
    version: Mapped[str]
    """Of the platform's software."""
    agents: Mapped[int]
    active_calls: Mapped[int]
    cpu: Mapped[float]
    """How busy its machine is, between 0 and 1."""
    memory: Mapped[float]
    """How much of its machine's memory is in use, between 0 and 1."""
    max_calls: Mapped[int | None]
    """How many calls it takes."""
    full: Mapped[str | None]
    """Why it has no room for another call: `calls`, `cpu`, `memory`, or `processes`: none begins."""
    standing: Mapped[str] = mapped_column(server_default="open")
    """What operators want of it. The host only reads this."""
    heeds: Mapped[str] = mapped_column(server_default="open")
    """The standing by which it acts: it follows within seconds."""
    ordered_by: Mapped[str | None]
    ordered_at: Mapped[datetime | None]
    """When operators changed its standing last."""
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When its process began, before it carried any agent."""
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """By the database's clock, so that hosts need not agree on the time."""
