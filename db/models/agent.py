"""Agents: what a builder makes."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, HasCreated, HasId


class AgentRow(HasId, HasCreated, Base):
    """An agent with its draft config and the state that its workflow last reported."""

    __tablename__ = "agents"

    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    draft: Mapped[dict[str, Any]]
    """The config that may still change, without its secrets."""
    draft_secrets: Mapped[bytes | None]
    status: Mapped[str] = mapped_column(server_default="draft")
    live_version: Mapped[int | None]
    deployment_id: Mapped[UUID | None]
    """The deployment that the agent's workflow works on or keeps up; no foreign key, for it points back."""
    live_deployment_id: Mapped[UUID | None]
    """The deployment that takes calls."""
    canary_version: Mapped[int | None]
    """The version that takes `canary_percent` of the calls, on trial."""
    canary_deployment_id: Mapped[UUID | None]
    canary_percent: Mapped[float | None]
    last_error: Mapped[str | None]
    sequence: Mapped[int] = mapped_column(server_default="0")
    """Number of the newest report of the agent's workflow: an older one that arrives late changes nothing."""
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
