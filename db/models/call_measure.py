"""How long things took in calls that are over, as histograms by the hour and by the day."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class CallMeasureRow(Base):
    """One histogram. Only buckets with something in them are kept: `counts[i]` is in bucket `buckets[i]`."""

    __tablename__ = "call_measures"

    agent_id: Mapped[UUID] = mapped_column(primary_key=True)
    """These four are as in `call_counts`."""
    span: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    measure: Mapped[str] = mapped_column(primary_key=True)
    """`duration`, `join_time`, or a latency of turns."""
    buckets: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    counts: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
