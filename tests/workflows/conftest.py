"""A Temporal server of its own, with a world behind it that does what a test says."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from temporalio import activity
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from common.status import Status
from stack.config import StackConfig
from stack.prepare import prepare_servers
from stack.progress import Progress
from stack.services import SEARCH_ATTRIBUTES
from tests.support.waiting import eventually
from workflows.agent import AgentWorkflow
from workflows.canary_types import CanaryStep, TrialInput, TrialResult
from workflows.policy import (
    AGENT_SLUG,
    CONTROL_QUEUE,
    HEARTBEAT,
    RUNTIME_QUEUE,
    agent_workflow_id,
    host_queue,
)
from workflows.record_types import RecordInput
from workflows.replica import ReplicaWorkflow
from workflows.types import (
    AgentInput,
    DeploymentState,
    DeployRequest,
    ReleaseInput,
    ReplicaChanged,
    ReplicaInput,
    ReplicaReport,
    RetryRequest,
    Seen,
    StopRequest,
    ValidateInput,
    ValidateResult,
)

HOST = "fake-host"


@dataclass
class World:
    """Stands in for LiveKit, Postgres and a runtime host; each part fails when told to."""

    client: Client
    agent_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    records: list[RecordInput] = field(default_factory=list)
    releases: list[ReleaseInput] = field(default_factory=list)
    hosted: dict[str, asyncio.Event] = field(default_factory=dict)
    invalid: dict[int, str] = field(default_factory=dict)
    """Versions that validation refuses, and why."""
    unhostable: dict[int, str] = field(default_factory=dict)
    """Versions that no host can ever run, and why."""
    silent: set[int] = field(default_factory=set)
    """Versions whose replicas start and never report."""
    slow: dict[int, float] = field(default_factory=dict)
    """Versions whose validation takes so many seconds the first time."""
    deaf: set[int] = field(default_factory=set)
    """Attempts that take no order to leave: their host is dead."""
    fingerprint: str = "one"
    breach: str | None = None
    """Why versions on trial are found worse, while they are."""
    trials: list[TrialInput] = field(default_factory=list)

    @activity.defn
    async def validate_config(self, request: ValidateInput) -> ValidateResult:
        """Say yes, or no where told so."""
        await asyncio.sleep(self.slow.pop(request.version, 0))
        if request.version in self.invalid:
            raise ApplicationError(self.invalid[request.version], non_retryable=True)
        return ValidateResult("ws://livekit", self.fingerprint)

    @activity.defn
    async def record_transitions(self, request: RecordInput) -> None:
        """Keep it, unless an agent of an earlier test tells it, that still runs."""
        if request.agent_id == self.agent_id:
            self.records.append(request)

    @activity.defn
    async def judge_canary(self, trial: TrialInput) -> TrialResult:
        """Find no fault until the step is over, unless told so."""
        if trial.agent_id == self.agent_id:  # one of an earlier test may not have ended yet
            self.trials.append(trial)
        while self.breach is None and datetime.now(UTC) < trial.until:
            activity.heartbeat()
            await asyncio.sleep(0.05)
        return TrialResult(self.breach, calls=7)

    @activity.defn
    async def host_agent(self, replica: ReplicaInput) -> None:
        """Report as running and stay until released."""
        info = activity.info()
        assert info.workflow_id
        if replica.version in self.unhostable:
            raise ApplicationError(self.unhostable[replica.version], non_retryable=True)
        self.hosted[info.workflow_id] = leave = asyncio.Event()
        try:
            if replica.version not in self.silent:
                await self.report(info.workflow_id, Status.RUNNING, info.attempt)
            while not leave.is_set():
                activity.heartbeat()
                await asyncio.wait([asyncio.create_task(leave.wait())], timeout=0.2)
        finally:
            del self.hosted[info.workflow_id]

    @activity.defn
    async def release_agent(self, request: ReleaseInput) -> bool:
        """Let the replica go."""
        self.releases.append(request)
        if request.replica_id not in self.hosted or request.attempt in self.deaf:
            return False
        self.hosted[request.replica_id].set()
        return True

    async def report(
        self, replica_id: str, status: Status, attempt: int, reason: str | None = None, number: int = 0
    ) -> None:
        """A replica tells how it is."""
        report = ReplicaReport(status, attempt, HOST, "AW_fake", reason)
        agent = self.client.get_workflow_handle(agent_workflow_id(self.agent_id))
        await agent.signal(AgentWorkflow.replica_changed, ReplicaChanged(replica_id, report, number))

    # --- what a person does ---------------------------------------------------------------------------------

    async def deploy(
        self,
        version: int,
        replicas: int = 1,
        deployment_id: str | None = None,
        seen: Seen | None = None,
        *,
        promptly: bool = True,
        canary: Sequence[CanaryStep] = (),
    ) -> DeploymentState:
        """Wish for a version."""
        request = DeployRequest(
            deployment_id or str(uuid.uuid4()),
            version,
            replicas,
            "tester",
            1.0,
            seen or Seen(),
            promptly=promptly,
            tells_replicas=True,
            canary=list(canary),
        )
        start = WithStartWorkflowOperation(
            AgentWorkflow.run,
            AgentInput(self.agent_id, "fake"),
            id=agent_workflow_id(self.agent_id),
            task_queue=CONTROL_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=TypedSearchAttributes([SearchAttributePair(AGENT_SLUG, "fake")]),
        )
        return await self.client.execute_update_with_start_workflow(
            AgentWorkflow.deploy, request, start_workflow_operation=start
        )

    async def retry(self) -> DeploymentState:
        """Try again."""
        handle = self.client.get_workflow_handle(agent_workflow_id(self.agent_id))
        return await handle.execute_update(AgentWorkflow.retry, RetryRequest("tester"))

    async def stop(self) -> DeploymentState:
        """Stop."""
        handle = self.client.get_workflow_handle(agent_workflow_id(self.agent_id))
        return await handle.execute_update(AgentWorkflow.stop, StopRequest("tester", 1.0))

    def story(self, deployment_id: str) -> list[Status]:
        """Every status that a deployment went through."""
        return [t.status for r in self.records if r.deployment_id == deployment_id for t in r.transitions]

    def replicas(self) -> dict[str, Status]:
        """How each replica ever told of is, as Postgres would have it."""
        views = [view for record in self.records for view in record.replicas]
        return {view.id: view.status for view in sorted(views, key=lambda view: view.sequence)}

    async def told(self, status: Status, deployment_id: str) -> RecordInput:
        """The record that says that a deployment reached `status`."""

        async def look() -> RecordInput | None:
            for record in self.records:
                of_it = record.transitions if record.deployment_id == deployment_id else []
                if of_it and of_it[-1].status is status:
                    return record
            return None

        return await eventually(look, f"{status} (story: {self.story(deployment_id)})")

    async def hosting(self, count: int) -> list[str]:
        """The replicas that are hosted, once there are exactly `count`."""

        async def look() -> list[str] | None:
            return [*sorted(self.hosted), ""] if len(self.hosted) == count else None

        return (await eventually(look, f"{count} replicas hosted"))[:-1]


@asynccontextmanager
async def temporal_server(*arguments: str) -> AsyncIterator[Client]:
    """A Temporal server in memory, started with `arguments` beside what our workflows need."""
    binaries = await prepare_servers(StackConfig(), Progress())
    attributes = [f"--search-attribute={name}={kind}" for name, kind in SEARCH_ATTRIBUTES.items()]
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binaries.temporal, dev_server_extra_args=[*attributes, *arguments]
    ) as environment:
        yield environment.client


@asynccontextmanager
async def world_of(client: Client) -> AsyncIterator[World]:
    """A world with its workers."""
    world = World(client)
    # The sandbox would have a policy of its own, which no test could change.
    restrictions = SandboxRestrictions.default.with_passthrough_modules("workflows.policy")
    async with (
        Worker(
            client,
            task_queue=CONTROL_QUEUE,
            workflows=[AgentWorkflow, ReplicaWorkflow],
            activities=[world.validate_config, world.record_transitions, world.judge_canary],
            max_heartbeat_throttle_interval=timedelta(seconds=0.2),
            workflow_runner=SandboxedWorkflowRunner(restrictions),
        ),
        Worker(
            client,
            task_queue=RUNTIME_QUEUE,
            activities=[world.host_agent],
            max_heartbeat_throttle_interval=HEARTBEAT,
        ),
        Worker(client, task_queue=host_queue(HOST), activities=[world.release_agent]),
    ):
        yield world
        for leave in world.hosted.values():
            leave.set()


@pytest.fixture(scope="session")
async def temporal() -> AsyncIterator[Client]:
    """The server that most tests share."""
    async with temporal_server() as client:
        yield client


@pytest.fixture
async def world(temporal: Client) -> AsyncIterator[World]:
    """A world of the test's own on that server."""
    async with world_of(temporal) as world:
        yield world
