"""What is being said in a call at this moment."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class DraftRow(Base):
    """An utterance that is not over. It becomes a turn; where its agent dies, the draft does."""

    __tablename__ = "drafts"

    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    attempt: Mapped[int]
    text: Mapped[str]
    at: Mapped[datetime]
    """When it began."""
