"""Calls: one conversation, one LiveKit room."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, HasCreated, HasId

IS_OPEN = "status IN ('waiting', 'active', 'recovering')"
IS_OVER = "status NOT IN ('waiting', 'active', 'recovering')"


class CallRow(HasId, HasCreated, Base):
    """A conversation from the moment its token was minted, or its first job ran."""

    __tablename__ = "calls"
    __table_args__ = (
        # A list of calls begins at the end of one of these, whatever it is narrowed by.
        Index(None, "created_at", "id"),
        Index(None, "agent_id", "created_at", "id"),
        Index(None, "status", "created_at", "id"),
        Index(None, "agent_id", "status", "created_at", "id"),
        Index(
            "ix_calls_open",
            "agent_id",
            postgresql_where=text(IS_OPEN),
        ),
        Index("ix_calls_carried", "host", postgresql_where=text(IS_OPEN)),
        Index("ix_calls_uncounted", "created_at", postgresql_where=text("turn_count IS NULL")),
        Index(
            "ix_calls_with_transcript",
            "agent_id",
            "created_at",
            postgresql_where=text("transcript_deleted_at IS NULL"),
        ),
    )

    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"))
    version: Mapped[int | None]
    """The version that the call began with, and so where it is. The event `joined` has each agent's."""
    room: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str]
    identity: Mapped[str | None]
    """The caller's participant identity."""
    attributes: Mapped[dict[str, Any] | None]
    caller_joined_at: Mapped[datetime | None]
    """When LiveKit told that the caller is in the room."""
    caller_left_at: Mapped[datetime | None]
    """When LiveKit told that the caller is not there any more."""
    caller_since: Mapped[datetime | None]
    """When the caller's newest connection was made, by LiveKit's clock; none where it has told of none."""
    attempt: Mapped[int] = mapped_column(server_default="1")
    """The dispatch whose agent speaks for the call: the token's own is the first. Older ones have no say."""
    crashes: Mapped[int] = mapped_column(server_default="0")
    """How many of its agents were lost by their own fault."""
    host: Mapped[str | None]
    host_process: Mapped[str | None]
    """Which process of which host holds it: by its own word, and then by that of the agent that joined."""
    job_id: Mapped[str | None]
    """LiveKit's job of the agent that is with the caller, or on its way."""
    started_at: Mapped[datetime | None]
    """When an agent was first in the room."""
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]
    shut_at: Mapped[datetime | None]
    """When an operator ended it: its caller does not get in again, though the token is valid still."""
    trace_id: Mapped[str | None]
    """OpenTelemetry's id of the first agent's trace, in hex."""
    later_trace_ids: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    """Of the agents that took the call over, each has its own."""
    turn_count: Mapped[int | None]
    """How many turns there were when the call was counted in `call_counts`; null: it is not counted."""
    transcript_deleted_at: Mapped[datetime | None]
    """When what was said and what happened was deleted: nothing is added from then on."""
    erased_at: Mapped[datetime | None]
    """When all that could tell who the caller was was deleted as well."""
