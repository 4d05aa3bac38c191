"""Agents, as they come in and go out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field

from api.schemas.base import Answer, Body, Name
from api.schemas.deployments import DeploymentAnswer
from api.slugs import check_slug
from db.models import AgentRow, ReplicaRow
from db.repositories.agents import AgentOverview


class NewAgent(Body):
    """An agent to be made; its config is the draft."""

    name: Name
    slug: Annotated[str, Field(max_length=63), AfterValidator(check_slug)] | None = None
    config: dict[str, Any]


class AgentChange(Body):
    """What to change: fields that are absent stay as they are, `config` is replaced whole."""

    name: Name = ""
    config: dict[str, Any] = Field(default_factory=dict)


class Replicas(Answer):
    """How many registrations are wished for, and how many there are."""

    desired: int
    ready: int


class CanaryShare(Answer):
    """The version on trial, and its share of the new calls."""

    version: int
    percent: float
    deployment_id: UUID


class AgentItem(Answer):
    """An agent in a list, with its live figures."""

    id: UUID
    slug: str
    name: str
    status: str
    live_version: int | None
    canary: CanaryShare | None
    replicas: Replicas
    active_calls: int
    calls_today: int
    last_error: str | None
    updated_at: datetime

    @classmethod
    def of(cls, view: AgentOverview, **more: Any) -> Any:
        """The answer for a row and its figures; `more` are the fields that a subclass adds."""
        row = view.agent
        return cls(
            id=row.id,
            slug=row.slug,
            name=row.name,
            status=row.status,
            live_version=row.live_version,
            canary=_share(row),
            replicas=Replicas(desired=view.desired, ready=view.ready),
            active_calls=view.active_calls,
            calls_today=view.calls_today,
            last_error=row.last_error,
            updated_at=row.updated_at,
            **more,
        )


def _share(row: AgentRow) -> CanaryShare | None:
    if row.canary_version is None or row.canary_percent is None or row.canary_deployment_id is None:
        return None
    return CanaryShare(
        version=row.canary_version, percent=row.canary_percent, deployment_id=row.canary_deployment_id
    )


class ReplicaAnswer(Answer):
    """One registration with LiveKit: of which version, on which host, and how it is."""

    id: str
    version: int
    number: int
    status: str
    host: str | None
    attempt: int
    reason: str | None

    @classmethod
    def of(cls, row: ReplicaRow) -> ReplicaAnswer:
        """The answer for a row."""
        return cls(
            id=row.id,
            version=row.version,
            number=row.number,
            status=row.status,
            host=row.host,
            attempt=row.attempt,
            reason=row.reason,
        )


class AgentAnswer(AgentItem):
    """One agent with its draft, secrets redacted, and the deployment it is working on or keeps up."""

    config: dict[str, Any]
    registrations: list[ReplicaAnswer]
    """Its replicas that have not ended, by number."""
    deployment: DeploymentAnswer | None


class AgentPage(Answer):
    """A page of agents, newest first."""

    items: list[AgentItem]
    next_cursor: str | None
