"""Deployments, as they come in and go out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from api.schemas.base import Answer, Body, Name, Note
from common.settings import Settings
from db.models import DeploymentKind, DeploymentRow, TransitionRow
from workflows.policy import agent_workflow_id
from workflows.types import DeploymentState

MAX_REPLICAS = 20
MAX_VERSION = 2**31 - 1


class DeployBody(Body):
    """What to deploy: the draft when no version is named. `note` is for the version that is made of it."""

    version: Annotated[int, Field(ge=1, le=MAX_VERSION)] | None = None
    replicas: Annotated[int, Field(ge=1, le=MAX_REPLICAS)] | None = None
    note: Note | None = None


class RollbackBody(Body):
    """The version to go back to: the one that ran before the present one when none is named."""

    version: Annotated[int, Field(ge=1, le=MAX_VERSION)] | None = None


class StopBody(Body):
    """How to stop: with `drain`, running calls may end in peace."""

    drain: bool = True


class Empty(Body):
    """A body without fields."""


class RegisterBody(Body):
    """An agent to be saved and deployed in one go. `agent_id` is an id or a slug."""

    agent_id: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    name: Name
    config: dict[str, Any]


class RegisterAnswer(Answer):
    """What became of a registration."""

    agent_id: UUID
    deployment_id: UUID
    status: str


class TransitionAnswer(Answer):
    """One change of a deployment's status."""

    at: datetime
    status: str
    actor: str
    reason: str | None
    attempt: int


class DeploymentAnswer(Answer):
    """A deployment with all that happened to it."""

    id: UUID
    agent_id: UUID
    version: int
    kind: DeploymentKind
    status: str
    reason: str | None
    replicas: int
    actor: str
    created_at: datetime
    attempt: int
    workflow_id: str
    workflow_url: str
    transitions: list[TransitionAnswer]

    @classmethod
    def of(
        cls,
        row: DeploymentRow,
        transitions: list[TransitionRow],
        settings: Settings,
        state: DeploymentState | None = None,
    ) -> DeploymentAnswer:
        """The answer for a row. `state` is what the workflow just said, which may be newer than the row."""
        workflow_id = agent_workflow_id(str(row.agent_id))
        base = settings.temporal_ui_url.rstrip("/")
        return cls(
            id=row.id,
            agent_id=row.agent_id,
            version=row.version,
            kind=DeploymentKind(row.kind),
            status=state.status if state else row.status,
            reason=state.reason if state else row.reason,
            replicas=row.replicas,
            actor=row.actor,
            created_at=row.created_at,
            attempt=state.attempt if state else row.attempt,
            workflow_id=workflow_id,
            workflow_url=f"{base}/namespaces/{settings.temporal_namespace}/workflows/{workflow_id}",
            transitions=[
                TransitionAnswer(
                    at=each.at,
                    status=each.status,
                    actor=each.actor,
                    reason=each.reason,
                    attempt=each.attempt,
                )
                for each in transitions
            ],
        )


class DeploymentPage(Answer):
    """A page of an agent's deployments, newest first."""

    items: list[DeploymentAnswer]
    next_cursor: str | None
