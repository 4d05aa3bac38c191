"""What workflows of calls are told from outside: by the API, and by hosts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from workflows import policy
from workflows.absence import no_workflow
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
        """A token was minted. The workflow sleeps until something happens, or until the token has expired."""
        await self._start(call, start_delay=policy.NO_SHOW)

    async def caller_came(self, call: CallInput) -> None:
        """The caller is in the room."""
        await self._start(call, start_signal="caller_came")

    async def agent_lost(self, call: CallInput, lost: AgentLost) -> None:
        """The agent's process, or its host, is gone."""
        await self._start(call, start_signal="agent_lost", start_signal_args=[lost])

    async def agent_left(self, call: CallInput) -> None:
        """The agent has left the room, and the caller has not."""
        await self._start(call, start_signal="agent_left")

    async def over(self, call_id: str) -> None:
        """The room is gone. A call without a workflow needs none any more."""
        handle = self.client.get_workflow_handle(policy.call_workflow_id(call_id))
        async with translated(self.timeout):
            try:
                await handle.signal("over", rpc_timeout=self.timeout)
            except RPCError as error:
                if not no_workflow(error):
                    raise

    async def _start(self, call: CallInput, **how: Any) -> None:
        attributes = TypedSearchAttributes([SearchAttributePair(policy.AGENT_SLUG, call.slug)])
        async with translated(self.timeout):
            with suppress(WorkflowAlreadyStartedError):  # a webhook was faster than the token
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
