"""What is done with calls that are over, step by step, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class AnalysisRow(Base):
    """One step of one call. Done again, it is the same row: what came of it last."""

    __tablename__ = "analyses"

    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When it came into this state."""
    attempt: Mapped[int]
    """How often the step was begun. Whoever began it before that has no say any more."""
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What came of it; while it is done again, and where that fails, what had come of it before."""
    error: Mapped[str | None]
    """Why it failed, or was left out."""
    told: Mapped[int | None]
    """The try that others were told of last."""
