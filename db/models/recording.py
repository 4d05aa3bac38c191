"""Recordings: what was heard in a call while one agent was in it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, HasCreated, HasId


class RecordingRow(HasId, HasCreated, Base):
    """One file: its caller on one channel, its agent on the other.

    When its call is deleted the row stays without it, until the file is deleted as well.
    """

    __tablename__ = "recordings"
    __table_args__ = (
        UniqueConstraint("call_id", "attempt"),
        Index("ix_recordings_orphaned", "created_at", postgresql_where=text("call_id IS NULL")),
    )

    call_id: Mapped[UUID | None] = mapped_column(ForeignKey("calls.id", ondelete="SET NULL"))
    attempt: Mapped[int]
    """The dispatch whose agent recorded it."""
    state: Mapped[str]
    """`storing`, `stored`, or `lost`: there was nothing in the file."""
    host: Mapped[str]
    """Which runtime host kept it."""
    storage: Mapped[str]
    """The URL of the folder or the bucket that it went to."""
    key: Mapped[str]
    """Its name there."""
    content_type: Mapped[str]
    size: Mapped[int | None] = mapped_column(BigInteger)
    """In bytes."""
    seconds: Mapped[float | None]
    started_at: Mapped[datetime | None]
    salvaged: Mapped[bool]
    """Its agent was lost: what it had not written yet is missing."""
    notice: Mapped[str | None]
    """What the caller was told of it."""
