"""What goes into workflows and activities and what comes out.

Ids are text. Configs and secrets never travel here: activities read them from Postgres.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from common.status import Status
from workflows.canary_types import CanaryStep, Share
from workflows.record_types import ReplicaView


@dataclass(frozen=True)
class LeftReplica:
    """A replica of the agent's last workflow that has not ended, as Postgres was told of it."""

    id: str
    deployment_id: str
    version: int
    number: int
    status: Status
    attempt: int
    host: str | None


@dataclass(frozen=True)
class Seen:
    """How far the agent's story in Postgres has come: a workflow that begins anew goes on from there.

    Temporal's state may be lost, or an agent's workflow terminated. Numbers that start again are old news to
    Postgres, and to Temporal they are replicas that run already.
    """

    sequence: int = 0
    replicas: int = 0
    deployment: int = 1
    """Number of the newest transition of the deployment itself: one that ran before goes on from there."""
    left: list[LeftReplica] = field(default_factory=list)
    """Those of a workflow that was lost are the next one's."""


@dataclass(frozen=True)
class DeployRequest:
    """A wish to run a version of the agent."""

    deployment_id: str
    version: int
    replicas: int
    actor: str
    drain_seconds: float
    """How long the replicas it replaces may go on with their calls."""
    seen: Seen = Seen()
    promptly: bool = False
    """Validate before the request is answered, if that takes a moment only. Requests from before this was
    there are without it: their histories replay as they were. No control worker may be older than the API."""
    tells_replicas: bool = False
    """The workflow tells of replicas from this request on; before, hosts did. As for `promptly`."""
    canary: list[CanaryStep] = field(default_factory=list)
    """The shares that it gets before it takes all calls, where another version takes them now."""
    note: str | None = None
    """Why, in the words of who asks."""


@dataclass(frozen=True)
class RetryRequest:
    """Try a failed deployment again."""

    actor: str
    note: str | None = None
    """Why, in the words of who asks."""


@dataclass(frozen=True)
class StopRequest:
    """Run no version any more."""

    actor: str
    drain_seconds: float
    """How long running calls may go on; 0 ends them."""
    note: str | None = None
    """Why, in the words of who asks."""


@dataclass(frozen=True)
class DeploymentState:
    """A deployment as its workflow sees it."""

    deployment_id: str
    version: int
    status: Status
    attempt: int
    reason: str | None = None


@dataclass
class Deployment:
    """A deployment that the agent's workflow works on or keeps up."""

    request: DeployRequest
    status: Status = Status.VALIDATING
    reason: str | None = None
    attempt: int = 1
    begun: int = 1
    """The attempt that somebody asked for last; those after it are replicas' own."""
    sequence: int = 1
    """Number of the newest transition. The first one was written when the deployment was accepted."""

    @property
    def state(self) -> DeploymentState:
        """What callers are told."""
        return DeploymentState(
            self.request.deployment_id, self.request.version, self.status, self.attempt, self.reason
        )


@dataclass
class Replica:
    """A replica that the agent's workflow has started and not yet seen end."""

    id: str
    deployment_id: str
    version: int
    number: int
    fingerprint: str
    """With which servers it works: a replica of the same version but another server is no substitute."""
    status: Status = Status.STARTING
    reason: str | None = None
    moving: str | None = None
    """Why its host gives it up on purpose, until another one has it; nothing is wrong meanwhile."""
    moved: str | None = None
    """Why it has moved, until that is told."""
    attempt: int = 1
    reports: int = 0
    """Number of the attempt's newest report."""
    host: str | None = None
    """The host that reported last: the one that can let it go."""
    worker_id: str | None = None
    """LiveKit's id of the registration."""
    drain_seconds: float | None = None
    """Set once it was told to end."""

    @property
    def draining(self) -> bool:
        """True once it was told to end."""
        return self.drain_seconds is not None

    def serves(self, deployment: Deployment) -> bool:
        """Whether it is there for `deployment`, and was not told to end."""
        return self.deployment_id == deployment.request.deployment_id and not self.draining

    def view(self, sequence: int) -> ReplicaView:
        """What Postgres is told; `sequence` orders it among all that the agent's workflow tells."""
        draining = self.draining and not self.status.terminal
        return ReplicaView(
            id=self.id,
            sequence=sequence,
            deployment_id=self.deployment_id,
            version=self.version,
            number=self.number,
            status=Status.DRAINING if draining else self.status,
            attempt=self.attempt,
            host=self.host,
            worker_id=self.worker_id,
            reason=self.reason,
        )


@dataclass
class AgentState:
    """All that an agent's workflow knows: what continue-as-new carries over."""

    sequence: int = 0
    live: Deployment | None = None
    """The deployment that serves calls."""
    next: Deployment | None = None
    """The deployment that is being rolled out or stopped, or that has failed or stopped."""
    leaving: list[Deployment] = field(default_factory=list)
    """Replaced deployments whose replicas still hold calls."""
    replicas: dict[str, Replica] = field(default_factory=dict)
    replicas_started: int = 0
    canary: Share | None = None
    """What `next` gets of the calls while it is on trial."""
    last_error: str | None = None
    tells_replicas: bool = False


@dataclass(frozen=True)
class AgentInput:
    """One agent's workflow."""

    agent_id: str
    slug: str
    state: AgentState = field(default_factory=AgentState)


@dataclass(frozen=True)
class ValidateInput:
    """Which version to check, for which deployment."""

    agent_id: str
    deployment_id: str
    version: int


@dataclass(frozen=True)
class ValidateResult:
    """The version can run."""

    livekit_url: str
    fingerprint: str
    """A digest of the LiveKit and LangFuse servers and keys that its replicas will use."""


@dataclass(frozen=True)
class ReplicaInput:
    """One replica's workflow; the input of its activity as well."""

    agent_id: str
    slug: str
    deployment_id: str
    version: int
    number: int


@dataclass(frozen=True)
class ReplicaReport:
    """What one attempt says of its replica, or its workflow at the end. An older attempt's is ignored."""

    status: Status
    attempt: int
    host: str | None = None
    worker_id: str | None = None
    reason: str | None = None
    moving: str | None = None
    """Why its host gives it up on purpose, taking its calls until another one has it."""


@dataclass(frozen=True)
class ReplicaChanged:
    """A replica's report, on its way to the agent's workflow."""

    replica_id: str
    report: ReplicaReport
    number: int = 0
    """Of the attempt's reports: one that was given up may arrive after the next. 0: the attempt is over, or
    this is from before they had numbers."""

    def is_older_than(self, replica: Replica) -> bool:
        """Whether the attempt has told something newer already."""
        return self.report.attempt == replica.attempt and 0 < self.number <= replica.reports


@dataclass(frozen=True)
class StopReplica:
    """Take no new calls; end after the running ones, or after `drain_seconds`."""

    drain_seconds: float
    host: str | None
    attempt: int
    notice_seconds: float = 0.0
    """How long those who have a token for this version may still come."""
    last: bool = False
    """Whether no version takes calls any more: nobody else can go on with those of this one."""


@dataclass(frozen=True)
class ReleaseInput:
    """Which replica a host shall let go of, and how gently."""

    replica_id: str
    attempt: int
    drain_seconds: float
    notice_seconds: float = 0.0
    last: bool = False


@dataclass(frozen=True)
class HostDetails:
    """What a hosted agent's heartbeat carries: shown by Temporal's UI while it runs."""

    host: str
    worker_id: str
    connected: bool
    active_calls: int
    calls_taken: int
    reason: str | None = None
    """Why it is not running, if so: the next attempt need not tell it again."""
    crashes: list[float] = field(default_factory=list)
    """When attempts crashed lately, in seconds since the epoch."""
    attempt: int = 0
    token: str = ""
    """By which Temporal knows this attempt and no other, in base64: to fail it once its host is lost."""
