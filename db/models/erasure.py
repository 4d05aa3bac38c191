"""Erasures: that somebody's data was deleted because it was asked for. They hold nothing of it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, HasCreated, HasId


class ErasureRow(HasId, HasCreated, Base):
    """One request, and the receipt for it."""

    __tablename__ = "erasures"

    actor: Mapped[str]
    """Who asked, by how they signed in."""
    chosen_by: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """By which fields the calls were chosen; not by which values, for those may name a person."""
    agent_id: Mapped[UUID | None]
    """Whose calls alone were looked at."""
    more: Mapped[bool]
    """There are more such calls: it must be asked for again."""
    finished_at: Mapped[datetime | None]
    """Null: it broke off, and must be asked for again."""
