"""The life of one registration with LiveKit."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError
from temporalio.workflow import ActivityCancellationType

with workflow.unsafe.imports_passed_through():
    from common.status import Status
    from workflows import policy, signatures
    from workflows.errors import reason_of
    from workflows.types import ReleaseInput, ReplicaChanged, ReplicaInput, ReplicaReport, StopReplica


@workflow.defn
class ReplicaWorkflow:
    """Keeps one agent activity running, whatever happens to its host, until told to stop.

    The activity's retry policy is the only loop that registers again; each attempt reports by signal.
    """

    @workflow.init
    def __init__(self, replica: ReplicaInput) -> None:
        self._replica = replica
        self._report = ReplicaReport(Status.STARTING, attempt=1)
        self._stop: StopReplica | None = None
        self._stopping: StopReplica | None = None

    @workflow.run
    async def run(self, replica: ReplicaInput) -> ReplicaReport:
        """Host the agent until it is stopped or can't ever run; returns the last report."""
        self._describe()
        host = workflow.start_activity(
            signatures.host_agent,
            replica,
            task_queue=policy.RUNTIME_QUEUE,
            start_to_close_timeout=policy.HOST_TIMEOUT,
            heartbeat_timeout=policy.DEFAULT_HEARTBEAT,
            retry_policy=policy.HOST_RETRY,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"{replica.slug} v{replica.version} registered with LiveKit",
        )
        while not host.done():
            await workflow.wait_condition(lambda: self._stop is not None or host.done())
            if self._stop is not None and not host.done():
                await self._release(host)
        await self._tell(await self._outcome(host))
        return self._report

    async def _release(self, host: workflow.ActivityHandle[None]) -> None:
        """Have the host drain the agent; a host that does not take the order loses its activity."""
        assert self._stop is not None
        stop, self._stop = self._stop, None
        if self._report.host is None or not await self._host_takes(self._report.host, stop):
            host.cancel()

    async def _host_takes(self, host: str, stop: StopReplica) -> bool:
        try:
            return await workflow.execute_activity(
                signatures.release_agent,
                ReleaseInput(workflow.info().workflow_id, self._report.attempt, stop.drain_seconds),
                task_queue=policy.host_queue(host),
                schedule_to_close_timeout=policy.RELEASE_TIMEOUT,
                summary=f"drain up to {stop.drain_seconds:g} s",
            )
        except ActivityError:
            return False

    async def _outcome(self, host: workflow.ActivityHandle[None]) -> ReplicaReport:
        attempt = self._report.attempt
        try:
            await host
        except ActivityError as error:
            # Told to stop, it is stopped, even when its host died over it.
            if not isinstance(error.cause, CancelledError) and self._stopping is None:
                return ReplicaReport(Status.FAILED, attempt, reason=reason_of(error))
        return ReplicaReport(Status.STOPPED, attempt)

    @workflow.signal
    async def report(self, report: ReplicaReport) -> None:
        """An attempt tells how it is."""
        if report.attempt < self._report.attempt:
            return
        if self._stopping and report.attempt > self._report.attempt:
            # The host that was draining is gone, and another one has begun anew.
            self._stop = self._stopping
        await self._tell(report)

    @workflow.signal
    def stop(self, request: StopReplica) -> None:
        """Drain and end."""
        self._stop = self._stopping = request

    async def _tell(self, report: ReplicaReport) -> None:
        """Take a report and pass it on to the agent's workflow, which may be gone."""
        self._report = report
        self._describe()
        agent = workflow.get_external_workflow_handle(policy.agent_workflow_id(self._replica.agent_id))
        try:
            await agent.signal("replica_changed", ReplicaChanged(workflow.info().workflow_id, report))
        except ApplicationError:
            workflow.logger.info("the agent's workflow is gone")

    def _describe(self) -> None:
        report = self._report
        lines = [
            f"**{self._replica.slug}** version {self._replica.version}, replica {self._replica.number}",
            f"- status: **{report.status}**, attempt {report.attempt}",
        ]
        if report.host:
            lines.append(f"- host: `{report.host}`, LiveKit worker `{report.worker_id}`")
        if report.reason:
            lines.append(f"- {report.reason}")
        workflow.set_current_details("\n".join(lines))
