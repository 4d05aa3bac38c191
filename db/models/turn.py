"""Turns: one utterance each, with its latencies."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class TurnRow(Base):
    """What the caller or the agent said. Latencies are in seconds and named as livekit-agents names them."""

    __tablename__ = "turns"
    __table_args__ = (UniqueConstraint("call_id", "item_id"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"))
    item_id: Mapped[str]
    """The chat item's id: the same turn written twice is one row."""
    attempt: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    """The dispatch whose agent noted it. A lost agent's last words may be written after those of the next."""
    role: Mapped[str]
    text: Mapped[str]
    at: Mapped[datetime]
    interrupted: Mapped[bool]
    transcription_delay: Mapped[float | None]
    end_of_turn_delay: Mapped[float | None]
    llm_node_ttft: Mapped[float | None]
    tts_node_ttfb: Mapped[float | None]
    e2e_latency: Mapped[float | None]
