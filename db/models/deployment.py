"""Deployments: a wish to run a version, and all that became of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import NOT_OVER, Base, HasCreated, HasId


class DeploymentKind(StrEnum):
    """What somebody meant by a deployment."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    """Back to a version that was there before; the draft stays as it is."""


class DeploymentRow(HasId, HasCreated, Base):
    """A wish to run `version` with `replicas` registrations."""

    __tablename__ = "deployments"
    __table_args__ = (
        Index(None, "agent_id", "created_at"),
        Index("ix_deployments_open", "agent_id", postgresql_where=text(NOT_OVER)),
        Index("ix_deployments_livekit_api_key", text("(livekit ->> 'apiKey')")),
    )

    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"))
    version: Mapped[int]
    replicas: Mapped[int]
    kind: Mapped[str] = mapped_column(server_default=DeploymentKind.DEPLOY)
    status: Mapped[str]
    reason: Mapped[str | None]
    actor: Mapped[str]
    attempt: Mapped[int] = mapped_column(server_default="1")
    sequence: Mapped[int] = mapped_column(server_default="0")
    """Number of the newest transition: an older one that arrives late can't overwrite it."""
    drain_seconds: Mapped[float | None]
    """How long the calls of the version that it replaces may go on; none: the platform's setting."""
    canary: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    """The shares of the calls that it shall get first: `[{"percent": 10, "minutes": 5}, …]`."""
    livekit: Mapped[dict[str, Any] | None]
    """Where it runs: URL and API key of LiveKit, and where they came from."""
    livekit_secret: Mapped[bytes | None]


class TransitionRow(Base):
    """One change of a deployment's status. Written once, known by its number within the deployment."""

    __tablename__ = "deployment_transitions"
    __table_args__ = (UniqueConstraint("deployment_id", "sequence"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    deployment_id: Mapped[UUID] = mapped_column(ForeignKey("deployments.id", ondelete="CASCADE"))
    sequence: Mapped[int]
    status: Mapped[str]
    at: Mapped[datetime]
    actor: Mapped[str]
    reason: Mapped[str | None]
    attempt: Mapped[int]
