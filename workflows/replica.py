"""The life of one registration with LiveKit."""

from __future__ import annotations

from dataclasses import replace

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

    The activity's retry policy is the only loop that registers again. Attempts tell the agent's workflow.
    """

    @workflow.init
    def __init__(self, replica: ReplicaInput) -> None:
        self._replica = replica
        self._orders: list[StopReplica] = []
        self._order: StopReplica | None = None
        self._stopping = False

    @workflow.run
    async def run(self, replica: ReplicaInput) -> ReplicaReport:
        """Host the agent until it is stopped or can't ever run; returns how it ended."""
        self._describe("registered and kept so by `host_agent`: its heartbeat tells how it is")
        host = workflow.start_activity(
            signatures.host_agent,
            replica,
            task_queue=policy.RUNTIME_QUEUE,
            start_to_close_timeout=policy.HOST_TIMEOUT,
            heartbeat_timeout=policy.AGENT_HEARTBEAT_TIMEOUT,
            retry_policy=policy.HOST_RETRY,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"{replica.slug} v{replica.version} registered with LiveKit",
        )
        while not host.done():
            await workflow.wait_condition(lambda: bool(self._orders) or host.done())
            if self._orders and not host.done():
                await self._release(self._orders.pop(0), host)
        end = await self._outcome(host)
        self._describe(f"ended: **{end.status}** {end.reason or ''}".rstrip())
        await self._tell(end)
        return end

    async def _release(self, order: StopReplica, host: workflow.ActivityHandle[None]) -> None:
        """Have the host drain the agent; one that does not take the order loses its activity. A newer order
        is for the host that has it by now."""
        if order.host is None or not await self._host_takes(order.host, order):
            if self._orders and workflow.patched(policy.NEWER_ORDERS_COUNT):
                return
            host.cancel()

    async def _host_takes(self, host: str, order: StopReplica) -> bool:
        try:
            return await workflow.execute_activity(
                signatures.release_agent,
                ReleaseInput(
                    workflow.info().workflow_id,
                    order.attempt,
                    order.drain_seconds,
                    order.notice_seconds,
                    order.last,
                ),
                task_queue=policy.host_queue(host),
                schedule_to_close_timeout=policy.RELEASE_TIMEOUT,
                summary=f"drain up to {order.drain_seconds:g} s",
            )
        except ActivityError:
            return False

    async def _outcome(self, host: workflow.ActivityHandle[None]) -> ReplicaReport:
        try:
            await host
        except ActivityError as error:
            # Told to stop, it is stopped, even when its host died over it.
            if not isinstance(error.cause, CancelledError) and not self._stopping:
                return ReplicaReport(Status.FAILED, attempt=0, reason=reason_of(error))
        return ReplicaReport(Status.STOPPED, attempt=0)

    @workflow.signal
    def stop(self, order: StopReplica) -> None:
        """Drain and end. A later order may come with less time, or for another host."""
        self._stopping = True
        self._describe(f"told to end within {order.drain_seconds:g} s")
        self._orders.append(order)
        least = min(order.drain_seconds, self._order.drain_seconds if self._order else order.drain_seconds)
        self._order = replace(order, drain_seconds=least)

    @workflow.query
    def order(self) -> StopReplica | None:
        """What it was told about its end, with the least time that anybody gave it: for hosts whom the order
        itself did not reach. They ask after the end as well."""
        return self._order

    async def _tell(self, end: ReplicaReport) -> None:
        """Tell the agent's workflow, which may be gone."""
        agent = workflow.get_external_workflow_handle(policy.agent_workflow_id(self._replica.agent_id))
        try:
            await agent.signal("replica_changed", ReplicaChanged(workflow.info().workflow_id, end))
        except ApplicationError:
            workflow.logger.info("the agent's workflow is gone")

    def _describe(self, state: str) -> None:
        replica = self._replica
        workflow.set_current_details(
            f"**{replica.slug}** version {replica.version}, replica {replica.number}\n- {state}"
        )
