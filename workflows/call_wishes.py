"""What workflows of calls are told from outside: by the API, and by hosts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from workflows import policy
from workflows.call_types import AgentLost, CallInput
from workflows.wishes import translated


@dataclass(frozen=True)
class CallNews:
    """Tells workflows of calls what has happened; starts those that are not there.

    Every method raises `Unavailable` where Temporal is away.
    """

    client: Client
    timeout: timedelta = timedelta(seconds=5)

    async def begin(self, call: CallInput) -> None:
        """A token was minted. The workflow sleeps until something happens, or until the token has expired.

        Told late, when the call is over already, it begins nothing.
        """
        once = WorkflowIDReusePolicy.REJECT_DUPLICATE
        await self._start(call, start_delay=policy.NO_SHOW, id_reuse_policy=once)

    async def caller_came(self, call: CallInput) -> None:
        """The caller is in the room."""
        await self._start(call, start_signal="caller_came")

    async def agent_lost(self, call: CallInput, lost: AgentLost) -> None:
        """The agent's process, or its host, is gone."""
        await self._start(call, start_signal="agent_lost", start_signal_args=[lost])

    async def agent_left(self, call: CallInput, attempt: int | None = None) -> None:
        """The agent of that attempt has left the room, and the caller has not."""
        told = [] if attempt is None else [attempt]
        await self._start(call, start_signal="agent_left", start_signal_args=told)

    async def agent_ready(self, call: CallInput) -> None:
        """The caller waits, and an agent that can take the call has registered."""
        await self._start(call, start_signal="agent_ready")

    async def over(self, call: CallInput) -> None:
        """The room is gone. A workflow that has done its work needs not begin anew for that, one that was
        terminated does; one that sleeps until the token expires is woken only by what would start it."""
        unless_done = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
        await self._start(call, start_signal="over", id_reuse_policy=unless_done)

    async def _start(self, call: CallInput, **how: Any) -> None:
        attributes = TypedSearchAttributes([SearchAttributePair(policy.AGENT_SLUG, call.slug)])
        async with translated(self.timeout):
            with suppress(WorkflowAlreadyStartedError):  # a webhook was faster than the token, or it is over
                await self.client.start_workflow(
                    "CallWorkflow",
                    call,
                    id=policy.call_workflow_id(call.call_id),
                    task_queue=policy.CONTROL_QUEUE,
                    search_attributes=attributes,
                    static_summary=f"call with {call.slug}",
                    rpc_timeout=self.timeout,
                    **how,
                )
