"""What is asked for of calls that are over, from outside."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from workflows import policy
from workflows.absence import is_running
from workflows.after_types import ReprocessInput, Step
from workflows.wishes import translated


@dataclass(frozen=True)
class Reprocessing:
    """Starts workflows that do steps again for many calls."""

    client: Client
    timeout: timedelta = timedelta(seconds=5)

    async def begin(self, reprocess_id: str, steps: Sequence[Step]) -> None:
        """Once, however often it is said.

        Raises:
            Unavailable: Temporal is away.
        """
        with suppress(WorkflowAlreadyStartedError):
            await self._start(reprocess_id, steps, WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY)

    async def goes_on(self, reprocess_id: str, steps: Sequence[Step]) -> bool:
        """Whether it is being done; what Temporal has never heard of is begun. What somebody has ended in
        Temporal stays so.

        Raises:
            Unavailable: Temporal is away.
        """
        try:
            await self._start(reprocess_id, steps, WorkflowIDReusePolicy.REJECT_DUPLICATE)
        except WorkflowAlreadyStartedError:
            async with translated(self.timeout):
                workflow_id = policy.reprocess_workflow_id(reprocess_id)
                return await is_running(self.client, workflow_id, self.timeout)
        return True

    async def _start(self, reprocess_id: str, steps: Sequence[Step], reuse: WorkflowIDReusePolicy) -> None:
        async with translated(self.timeout):
            await self.client.start_workflow(
                "ReprocessWorkflow",
                ReprocessInput(reprocess_id, list(steps)),
                id=policy.reprocess_workflow_id(reprocess_id),
                task_queue=policy.CONTROL_QUEUE,
                id_reuse_policy=reuse,
                static_summary=f"again: {', '.join(steps)}",
                rpc_timeout=self.timeout,
            )
