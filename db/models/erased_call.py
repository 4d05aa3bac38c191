"""Calls that were erased, or that an erasure passed over."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, HasCreated


class ErasedCallRow(HasCreated, Base):
    """A line of a receipt. It is written in the transaction in which the call's data is deleted."""

    __tablename__ = "erased_calls"

    erasure_id: Mapped[UUID] = mapped_column(ForeignKey("erasures.id", ondelete="CASCADE"), primary_key=True)
    call_id: Mapped[UUID] = mapped_column(primary_key=True)
    """No foreign key: the receipt outlives the call."""
    outcome: Mapped[str]
    """`erased`; `open`: the call goes on, nothing was deleted; `unknown`: there is no such call."""
    deleted: Mapped[dict[str, Any]]
    """How many rows or files, by what they were."""
    trace_ids: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    """Of the traces that may be in LangFuse, and have to be deleted there."""
