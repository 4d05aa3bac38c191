"""Calls that are over, counted by the hour and by the day in which they were made."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class CallCountRow(Base):
    """The calls of one version of an agent in one hour or day, UTC. It outlives them, and their agent."""

    __tablename__ = "call_counts"

    agent_id: Mapped[UUID] = mapped_column(primary_key=True)
    """All zeros: of the platform as a whole, whatever the version."""
    span: Mapped[str] = mapped_column(primary_key=True)
    """`hour` or `day`."""
    at: Mapped[datetime] = mapped_column(primary_key=True)
    """When the hour or the day began."""
    version: Mapped[int] = mapped_column(primary_key=True)
    """0 where it is not known."""
    ended: Mapped[int] = mapped_column(BigInteger)
    failed: Mapped[int] = mapped_column(BigInteger)
    abandoned: Mapped[int] = mapped_column(BigInteger)
    recovered: Mapped[int] = mapped_column(BigInteger)
    """Calls that needed another agent."""
    recoveries: Mapped[int] = mapped_column(BigInteger)
    """How often, in all."""
    crashes: Mapped[int] = mapped_column(BigInteger)
    turns: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float]
    """From the first agent's coming to the end, summed up."""
