"""Deployments, as they come in and go out."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field

from api.schemas.base import Answer, Body, Name, Note
from common.settings import Settings
from db.models import DeploymentKind, DeploymentRow, TransitionRow
from workflows.policy import agent_workflow_id
from workflows.types import DeploymentState

MAX_REPLICAS = 20
MAX_STEPS = 10
MAX_MINUTES = 7 * 24 * 60
MAX_VERSION = 2**31 - 1


class CanaryStepBody(Body):
    """A share of the new calls for a version on trial, and how long it has it."""

    percent: Annotated[float, Field(gt=0, lt=100)]
    minutes: Annotated[float, Field(gt=0, le=MAX_MINUTES)]


def _growing(steps: list[CanaryStepBody] | None) -> list[CanaryStepBody] | None:
    shares = [step.percent for step in steps or []]
    if any(later <= earlier for earlier, later in pairwise(shares)):
        raise ValueError("each step must have a greater `percent` than the one before")
    return steps


class DeployBody(Body):
    """What to deploy: the draft when no version is named. `note` says why, also of a version made of it.

    With `canary` the version gets a share of the new calls first, step by step. It is rolled back by itself
    when it does worse than the live version; it takes all calls when its last step is over.
    """

    version: Annotated[int, Field(ge=1, le=MAX_VERSION)] | None = None
    replicas: Annotated[int, Field(ge=1, le=MAX_REPLICAS)] | None = None
    note: Note | None = None
    canary: (
        Annotated[list[CanaryStepBody], Field(min_length=1, max_length=MAX_STEPS), AfterValidator(_growing)]
        | None
    ) = None


class RollbackBody(Body):
    """The version to go back to: the one before the present one when none is named. `note` says why."""

    version: Annotated[int, Field(ge=1, le=MAX_VERSION)] | None = None
    note: Note | None = None


class RetryBody(Body):
    """To try again; `note` says why."""

    note: Note | None = None


class StopBody(Body):
    """How to stop: with `drain`, running calls may end in peace. `note` says why."""

    drain: bool = True
    note: Note | None = None


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


class CanaryStepAnswer(Answer):
    """A share of the new calls for a version on trial, and how long it has it."""

    percent: float
    minutes: float


class DeploymentAnswer(Answer):
    """A deployment with all that happened to it."""

    id: UUID
    agent_id: UUID
    version: int
    kind: DeploymentKind
    status: str
    reason: str | None
    replicas: int
    canary: list[CanaryStepAnswer] | None
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
            canary=[CanaryStepAnswer(**step) for step in row.canary] if row.canary else None,
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


class StopAnswer(DeploymentAnswer):
    """The deployment that is stopped. Its calls may go on for `drain_seconds` at most."""

    drain_seconds: float


class DeploymentPage(Answer):
    """A page of an agent's deployments, newest first."""

    items: list[DeploymentAnswer]
    next_cursor: str | None
