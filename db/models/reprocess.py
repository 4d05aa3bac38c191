"""Steps that are done again for many calls."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, HasCreated, HasId


class ReprocessRow(HasId, HasCreated, Base):
    """One wish, and how far it is."""

    __tablename__ = "reprocesses"
    __table_args__ = (
        # The same wish while it is being fulfilled is one.
        Index(
            "uq_reprocesses_running",
            "fingerprint",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    fingerprint: Mapped[str]
    """Of what is wished."""
    actor: Mapped[str]
    wanted: Mapped[dict[str, Any]]
    """Which calls: `calls`, or `agentId`, `status`, `from` and `to`."""
    steps: Mapped[list[str]] = mapped_column(ARRAY(Text))
    total: Mapped[int]
    """Calls when it was wished."""
    done: Mapped[int] = mapped_column(server_default="0")
    failed: Mapped[int] = mapped_column(server_default="0")
    """Calls of which a step failed; they are among those that are done."""
    ended_at: Mapped[datetime | None]
    error: Mapped[str | None]
    """Why it ended before its end."""
