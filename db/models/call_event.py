"""What happened in a call beside what was said."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class CallEventRow(Base):
    """A tool call, a change of state, an error, an agent that came or was lost."""

    __tablename__ = "call_events"
    __table_args__ = (UniqueConstraint("call_id", "attempt", "number"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    """The dispatch it belongs to."""
    number: Mapped[int]
    """In the order in which the agent noted it, from 1; 0 is the platform's own. Written twice, it is one."""
    at: Mapped[datetime]
    kind: Mapped[str]
    data: Mapped[dict[str, Any]]
