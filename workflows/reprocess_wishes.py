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
        async with translated(self.timeout):
            with suppress(WorkflowAlreadyStartedError):
                await self.client.start_workflow(
                    "ReprocessWorkflow",
                    ReprocessInput(reprocess_id, list(steps)),
                    id=policy.reprocess_workflow_id(reprocess_id),
                    task_queue=policy.CONTROL_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                    static_summary=f"again: {', '.join(steps)}",
                    rpc_timeout=self.timeout,
                )
