"""What a round of the reconciler passes on: ids and plain words, nothing secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from common.status import Status


class Drift(StrEnum):
    """How Temporal, Postgres and LiveKit may differ."""

    AGENT_LOST = "agent lost"
    """It should run, and has no workflow."""
    AGENT_DELETED = "agent deleted"
    """It has a workflow, and Postgres does not know it any more."""
    REPLICAS = "replicas"
    """Temporal runs other replicas than Postgres tells of, or than the agent's workflow knows."""
    SHORT = "replicas missing"
    """It runs with fewer replicas than it was deployed with, and nothing is done about it."""
    TOLD_OLD = "told old"
    """Postgres tells something else of it than its workflow would."""
    UNHEARD = "deployment unheard"
    """A deployment is under way in Postgres, and its agent is about another one."""
    CALL_OPEN = "call open"
    """A call goes on in Postgres, and LiveKit has no such room."""
    CALLER_UNHEARD = "caller unheard"
    """A caller waits for an agent, and the call's workflow does not know."""


@dataclass(frozen=True)
class Suspect:
    """Something that differed at the first look: it may have been on its way."""

    drift: Drift
    subject: str
    """The id of an agent, or of a call."""
    signs: list[str] = field(default_factory=list)
    """What differed: ids of replicas or of a deployment, or the number of the newest report."""


@dataclass(frozen=True)
class Look:
    """What a first look found."""

    seen: int
    """How many agents or calls were compared."""
    suspects: list[Suspect] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    """What could not be looked at, and why."""


@dataclass(frozen=True)
class Repair:
    """Something that was put right."""

    kind: str
    agent_id: str | None
    subject: str
    """The id of what was put right: an agent, a replica, a deployment or a call."""
    what: str
    """In plain words."""


@dataclass(frozen=True)
class Mended:
    """What came of suspects."""

    repairs: list[Repair] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RoundInput:
    """One round of the reconciler."""

    patience_seconds: float = 10.0
    """Between the two looks at what differs."""


@dataclass(frozen=True)
class Round:
    """What a round did."""

    agents: int
    calls: int
    repairs: list[Repair]
    troubles: list[str]


@dataclass(frozen=True)
class Account:
    """What an agent's workflow knows, for those who compare it with what others know."""

    sequence: int
    settled: bool
    """Nothing is being rolled out or stopped."""
    told: bool
    """Nothing is on its way to Postgres."""
    status: Status | None = None
    deployment_id: str | None = None
    live_deployment_id: str | None = None
    missing: int = 0
    """How many replicas the live deployment lacks; those that failed are not missing."""
    deployments: dict[str, int] = field(default_factory=dict)
    """Those that it works on, keeps up or lets drain, and the number of the newest transition of each."""
    replicas: dict[str, Status] = field(default_factory=dict)
