"""What agents' workflows tell Postgres."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from common.status import Status
from workflows.canary_types import Share


@dataclass(frozen=True)
class Transition:
    """One change of a deployment's status."""

    sequence: int
    at: datetime
    status: Status
    actor: str
    reason: str | None
    attempt: int


@dataclass(frozen=True)
class AgentSummary:
    """How the agent is on the whole."""

    sequence: int
    status: Status
    live_version: int | None
    live_deployment_id: str | None
    deployment_id: str
    last_error: str | None
    canary: Share | None = None


@dataclass(frozen=True)
class ReplicaView:
    """How a replica is."""

    id: str
    sequence: int
    deployment_id: str
    version: int
    number: int
    status: Status
    attempt: int
    host: str | None
    worker_id: str | None
    reason: str | None


@dataclass(frozen=True)
class RecordInput:
    """What changed, for Postgres."""

    agent_id: str
    deployment_id: str
    transitions: list[Transition]
    """Of that deployment; none when only replicas changed."""
    agent: AgentSummary
    replicas: list[ReplicaView] = field(default_factory=list)
    """Those that changed."""
