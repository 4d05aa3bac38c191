"""What a version goes through before it takes calls: it is checked, and its replicas register."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError

with workflow.unsafe.imports_passed_through():
    from common.status import Status
    from workflows import policy, signatures
    from workflows.chronicle import Chronicle
    from workflows.errors import is_final, reason_of
    from workflows.types import AgentInput, Deployment, Replica, ValidateInput, ValidateResult

_NO_HOST = "Is there a host that takes agents?"


def failure_of(replicas: list[Replica]) -> str | None:
    """Why one of `replicas` can't ever run; None while all may."""
    reasons = (r.reason or "A replica failed." for r in replicas if r.status is Status.FAILED)
    return next(reasons, None)


class Rollout:
    """The waits of a rollout. `wished` tells that something else is wanted: it ends them."""

    def __init__(self, agent: AgentInput, chronicle: Chronicle, wished: Callable[[], bool]) -> None:
        self._agent = agent
        self._chronicle = chronicle
        self._wished = wished

    async def validated(self, deployment: Deployment) -> ValidateResult | str:
        """What validation found, or why the version can't run."""
        request = deployment.request
        what = ValidateInput(self._agent.agent_id, request.deployment_id, request.version)
        summary = f"version {request.version}: config, providers, LiveKit"
        if request.promptly and deployment.attempt == 1:
            # Most often it is a matter of milliseconds: not worth six events and another workflow task.
            try:
                return await workflow.execute_local_activity(
                    signatures.validate_config,
                    what,
                    start_to_close_timeout=policy.VALIDATE_PROMPTLY,
                    schedule_to_close_timeout=policy.VALIDATE_IN_LINE,
                    retry_policy=policy.ONCE,
                    summary=summary,
                )
            except FailureError as error:
                if is_final(error):
                    return reason_of(error)
        try:
            return await workflow.execute_activity(
                signatures.validate_config,
                what,
                schedule_to_close_timeout=policy.VALIDATE_TIMEOUT,
                retry_policy=policy.VALIDATE_RETRY,
                summary=summary,
            )
        except ActivityError as error:
            return reason_of(error)

    async def registered(self, deployment: Deployment, replicas: list[Replica]) -> str | None:
        """Wait until every replica is registered; returns why that can't be. A new wish ends the wait."""

        def ready() -> bool:
            return all(replica.status is Status.RUNNING for replica in replicas)

        def settled() -> bool:
            return self._wished() or ready() or failure_of(replicas) is not None

        if not await self._within(policy.START_AT_ONCE, settled):
            if not any(replica.host for replica in replicas):
                reason = f"No host has taken it yet. {_NO_HOST}"
                self._chronicle.tell(deployment, Status.STARTING, policy.PLATFORM, reason)
            self._chronicle.flush()
            if not await self._within(policy.START_PATIENCE, settled):
                minutes = policy.START_PATIENCE.total_seconds() / 60
                waiting = next((r.reason for r in replicas if r.reason), _NO_HOST)
                return f"Not registered with LiveKit within {minutes:g} minutes. {waiting}"
        return failure_of(replicas)

    async def _within(self, limit: timedelta, settled: Callable[[], bool]) -> bool:
        try:
            await workflow.wait_condition(
                settled, timeout=limit, timeout_summary="replicas register with LiveKit"
            )
        except TimeoutError:
            return False
        return True
