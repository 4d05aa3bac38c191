"""Lines that agents' processes logged in the last hours."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class AgentLogRow(Base):
    """One line about one agent. Its key is the order in which lines are read."""

    __tablename__ = "agent_logs"

    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True, index=True)
    """By the clock of the machine that logged it."""
    id: Mapped[UUID] = mapped_column(primary_key=True)
    """Made where the line was logged: the same line written twice is one row."""
    level: Mapped[int] = mapped_column(SmallInteger)
    """A number of Python's `logging`: 20 is info, 40 is error."""
    source: Mapped[str]
    """The host that logged it, or `control`."""
    call_id: Mapped[UUID | None]
    text: Mapped[str]
