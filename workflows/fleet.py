"""The replicas of one agent: which there are, which are missing, which are too many."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from temporalio import workflow
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from common.status import Status
    from workflows import policy
    from workflows.chronicle import Chronicle
    from workflows.replica import ReplicaWorkflow
    from workflows.types import (
        AgentInput,
        AgentState,
        Deployment,
        LeftReplica,
        Replica,
        ReplicaChanged,
        ReplicaInput,
        ReplicaReport,
        StopReplica,
        ValidateResult,
    )


class Fleet:
    """Starts and drains replicas, keeps what they report and has it shown. Lives on the agent's state."""

    def __init__(self, agent: AgentInput, state: AgentState, chronicle: Chronicle) -> None:
        self._agent = agent
        self._state = state
        self._chronicle = chronicle

    @property
    def empty(self) -> bool:
        """True when no replica is left, draining ones included."""
        return not self._state.replicas

    def inherit(self, left: Iterable[LeftReplica]) -> None:
        """What the agent's last workflow left behind serves until it is replaced, and ends with the agent.

        None of it fits a deployment: with which servers it works, that workflow alone knew.
        """
        self._state.replicas |= {each.id: Replica(**vars(each), fingerprint="") for each in left}

    def take(self, change: ReplicaChanged) -> list[Replica]:
        """Keep a report; gives those who must be told to end again.

        A replica that stopped is forgotten, and so is one that failed when it was to end anyway.
        """
        replica, report = self._state.replicas.get(change.replica_id), change.report
        if replica is None:
            return []
        if report.status.terminal:
            self._ended(replica, report.status, report.reason)
            return []
        if report.attempt < replica.attempt or change.is_older_than(replica):
            return []
        replica.reports = change.number
        elsewhere = report.attempt > replica.attempt or replica.host != report.host
        _note_move(replica, report)
        replica.status, replica.reason, replica.attempt = report.status, report.reason, report.attempt
        replica.host, replica.worker_id = report.host, report.worker_id
        self._chronicle.show(replica)
        # The order to end did not reach this host: it went to one that is gone, or to none.
        return [replica] if elsewhere and replica.draining else []

    def _ended(self, replica: Replica, status: Status, reason: str | None) -> None:
        """One that failed without being told to end is kept: it tells what its deployment lacks."""
        replica.status, replica.reason, replica.moving = status, reason, None
        self._chronicle.show(replica)
        if status is Status.STOPPED or replica.draining:
            del self._state.replicas[replica.id]

    def moved(self, deployment: Deployment) -> str | None:
        """What to tell, once, of replicas that came to other hosts; None while some are on their way."""
        replicas = self.of(deployment)
        arrived = [replica for replica in replicas if replica.moved]
        if not arrived or any(replica.moving for replica in replicas):
            return None
        causes, hosts = ({getattr(each, what) for each in arrived} for what in ("moved", "host"))
        for replica in arrived:
            replica.moved = None
        return f"{' and '.join(sorted(causes))}: moved to {' and '.join(sorted(hosts))}."

    async def handover(self, replica_id: str) -> bool:
        """Wait for a replica that moves; True when no other host has it in time."""
        replica = self._state.replicas.get(replica_id)
        if replica is None or not replica.moving:
            return False
        try:
            await workflow.wait_condition(
                lambda: not replica.moving, timeout=policy.MOVE_TIMEOUT, timeout_summary="another host has it"
            )
        except TimeoutError:
            replica.moving = None
            return True
        return False

    def strays(self, live: Deployment | None) -> list[Replica]:
        """Replicas of rollouts that came to nothing: neither draining nor serving `live`, nor inherited."""
        serving = live.request.deployment_id if live else None
        ours = [r for r in self._state.replicas.values() if r.fingerprint]
        return [r for r in ours if r.deployment_id != serving and not r.draining]

    def of(self, deployment: Deployment) -> list[Replica]:
        """The replicas that serve `deployment`."""
        return [replica for replica in self._state.replicas.values() if replica.serves(deployment)]

    async def staff(self, deployment: Deployment, place: ValidateResult) -> list[Replica]:
        """The replicas for `deployment`: those that fit already, and new ones for the rest."""
        request, fingerprint = deployment.request, place.fingerprint
        fitting = [
            replica
            for replica in self._state.replicas.values()
            if (replica.version, replica.fingerprint) == (request.version, fingerprint)
            and not replica.draining
            and replica.status is not Status.FAILED
        ]
        fitting = _healthiest(fitting, request.replicas)
        missing = [self._new_replica(deployment, fingerprint) for _ in range(request.replicas - len(fitting))]
        await asyncio.gather(*(self._start(replica, place.livekit_url) for replica in missing))
        return fitting + missing

    def _new_replica(self, deployment: Deployment, fingerprint: str) -> Replica:
        self._state.replicas_started += 1
        request = deployment.request
        replica = Replica(
            id=policy.replica_workflow_id(
                self._agent.agent_id, request.version, self._state.replicas_started
            ),
            deployment_id=request.deployment_id,
            version=request.version,
            number=self._state.replicas_started,
            fingerprint=fingerprint,
        )
        self._state.replicas[replica.id] = replica
        self._chronicle.show(replica)
        return replica

    def adopt(self, replicas: Iterable[Replica], deployment: Deployment) -> None:
        """`replicas`, some of which served another deployment of this version, serve this one."""
        for replica in replicas:
            replica.moved = None  # that was before
            if replica.deployment_id != deployment.request.deployment_id:
                replica.deployment_id = deployment.request.deployment_id
                self._chronicle.show(replica)

    async def _start(self, replica: Replica, livekit_url: str) -> None:
        # A child that outlives us: continue-as-new must not touch a live registration.
        await workflow.start_child_workflow(
            ReplicaWorkflow.run,
            ReplicaInput(
                agent_id=self._agent.agent_id,
                slug=self._agent.slug,
                deployment_id=replica.deployment_id,
                version=replica.version,
                number=replica.number,
            ),
            id=replica.id,
            parent_close_policy=ParentClosePolicy.ABANDON,
            static_summary=f"{self._agent.slug} v{replica.version} replica {replica.number}",
            search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(policy.AGENT_SLUG, self._agent.slug),
                    SearchAttributePair(policy.AGENT_VERSION, replica.version),
                    SearchAttributePair(policy.DEPLOYMENT_ID, replica.deployment_id),
                    SearchAttributePair(policy.LIVEKIT_URL, livekit_url),
                ]
            ),
        )

    async def drain(
        self, replicas: Iterable[Replica], seconds: float, notice: timedelta = timedelta()
    ) -> None:
        """Have `replicas` take no more calls and end. Returns when they are told, not when they ended.

        During `notice` they still take the calls of those who have a token for their version.
        """
        await asyncio.gather(*(self._drain(replica, seconds, notice) for replica in list(replicas)))

    async def _drain(self, replica: Replica, seconds: float, notice: timedelta) -> None:
        if replica.status is Status.FAILED:
            self._state.replicas.pop(replica.id, None)
            return
        replica.drain_seconds = seconds
        self._chronicle.show(replica)
        handle = workflow.get_external_workflow_handle(replica.id)
        try:
            last = self._state.live is None
            order = StopReplica(seconds, replica.host, replica.attempt, notice.total_seconds(), last)
            await handle.signal(ReplicaWorkflow.stop, order)
        except ApplicationError:
            if replica.id in self._state.replicas:
                self._ended(replica, Status.STOPPED, "Its workflow is gone.")

    def all(self) -> list[Replica]:
        """Every replica that has not ended."""
        return list(self._state.replicas.values())


def _healthiest(replicas: list[Replica], count: int) -> list[Replica]:
    """`count` of them at most: whoever takes calls stays."""
    first = replicas[:count]
    healthiest = sorted(replicas, key=lambda each: each.status is not Status.RUNNING)[:count]
    return healthiest if healthiest != first and workflow.patched(policy.HEALTHY_TAKE_OVER) else first


def _note_move(replica: Replica, report: ReplicaReport) -> None:
    """Before `report` is taken: one that is well may move, and has moved when another host has it."""
    if report.status is Status.RUNNING:
        replica.moved = replica.moving or replica.moved
    replica.moving = report.moving if replica.status is Status.RUNNING else None
