"""What is asked of agents' workflows from outside: by the API, and by the reconciler."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateStage,
)
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from common.errors import Conflict, NotDeployed, Unavailable
from workflows.absence import no_namespace
from workflows.policy import AGENT_SLUG, CONTROL_QUEUE, agent_workflow_id
from workflows.types import (
    AgentInput,
    DeploymentState,
    DeployRequest,
    RetryRequest,
    StopRequest,
)

_ACCEPT_TIMEOUT = timedelta(seconds=5)
_RESULT_SECONDS = 3.0
_ANSWER_TIMEOUT = _ACCEPT_TIMEOUT + timedelta(seconds=_RESULT_SECONDS)
_HEALTH_TIMEOUT = timedelta(seconds=2)
_AWAY = "Temporal does not answer. Try again in a moment."
_NO_NAMESPACE = "Temporal does not know its namespace. Try again in a moment."
_UNTAKEN = (
    "No control worker took it in time, so it may still happen. See how the agent is before you ask for "
    "something else; the same again is one wish."
)
_AWAY_CODES = {
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.ABORTED,
    RPCStatusCode.UNKNOWN,
}


class Unanswered(Unavailable):
    """Temporal serves, but its answer did not come in time: the wish may have been taken or not."""


class NoNamespace(Unavailable):
    """Temporal serves, and knows nothing of us, not even the namespace: it took no wish."""


class NoWorkflow(Conflict):
    """The agent has no running workflow: it was never deployed."""


@dataclass(frozen=True)
class Workflows:
    """Sends updates to agents' workflows. Every wait is bounded.

    An update that was accepted is in the workflow's history and can't be lost; its result is waited for only
    a little, and is None when it takes longer.
    """

    client: Client

    async def deploy(
        self, agent_id: str, slug: str, name: str, request: DeployRequest, *, lost: bool = False
    ) -> DeploymentState | None:
        """Start the agent's workflow if need be, and have it deploy. The same deployment again does nothing.

        `lost`: a run that is over may have taken it. Otherwise Temporal would answer what that one said.

        Raises:
            Unanswered: Temporal serves, and may have taken it or not; the same wish again finds out.
            Unavailable: Temporal is away.
            Conflict: the workflow refused.
        """
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            "AgentWorkflow",
            AgentInput(agent_id, slug),
            id=agent_workflow_id(agent_id),
            task_queue=CONTROL_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=name,
            search_attributes=TypedSearchAttributes([SearchAttributePair(AGENT_SLUG, slug)]),
        )
        try:
            async with translated():
                handle = await self.client.start_update_with_start_workflow(
                    "deploy",
                    request,
                    start_workflow_operation=start,
                    wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                    id=None if lost else request.deployment_id,
                    result_type=DeploymentState,
                    rpc_timeout=_ACCEPT_TIMEOUT,
                )
                return await _result(handle)
        except Unavailable as error:
            raise await self._unanswered(error) from error

    async def _unanswered(self, error: Unavailable) -> Unavailable:
        """What to say when no answer came: where Temporal serves, it has the wish."""
        if isinstance(error, NoNamespace):
            return error
        return Unanswered(_UNTAKEN) if await self._serves() else error

    async def _serves(self) -> bool:
        try:
            return await self.client.service_client.check_health(timeout=_HEALTH_TIMEOUT)
        except (RPCError, RuntimeError):
            return False

    async def retry(
        self, agent_id: str, request: RetryRequest, seen: str | None = None
    ) -> DeploymentState | None:
        """Have a failed deployment tried again.

        `seen` names how far the agent's story had come when somebody asked, and what was asked for last: the
        same wish again, before anything more happened, is one. It must differ after each deploy, also where
        Postgres has not heard yet what came of that.

        Raises:
            NoWorkflow: the agent was never deployed.
            Unanswered, Unavailable, Conflict: as for `deploy`.
        """
        return await self._update(agent_id, "retry", request, seen)

    async def stop(
        self, agent_id: str, request: StopRequest, seen: str | None = None
    ) -> DeploymentState | None:
        """Have every version of the agent stopped; as `retry`. Gently and at once are two wishes."""
        return await self._update(agent_id, "stop", request, seen)

    async def retire(self, agent_id: str) -> None:
        """Let the workflow of a deleted agent end.

        Raises:
            NoWorkflow: it has ended, or there never was one.
            Unavailable: Temporal is away.
        """
        async with translated():
            handle = self.client.get_workflow_handle(agent_workflow_id(agent_id))
            await handle.signal("retire", rpc_timeout=_ACCEPT_TIMEOUT)

    async def _update(
        self, agent_id: str, name: str, request: RetryRequest | StopRequest, seen: str | None
    ) -> DeploymentState | None:
        how = f"-{request.drain_seconds:g}" if isinstance(request, StopRequest) else ""
        try:
            async with translated():
                handle = await self.client.get_workflow_handle(agent_workflow_id(agent_id)).start_update(
                    name,
                    request,
                    id=None if seen is None else f"{name}{how}-{seen}",
                    wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                    result_type=DeploymentState,
                    rpc_timeout=_ACCEPT_TIMEOUT,
                )
                return await _result(handle)
        except Unavailable as error:
            raise await self._unanswered(error) from error


async def _result(handle: WorkflowUpdateHandle[Any]) -> DeploymentState | None:
    try:
        async with asyncio.timeout(_RESULT_SECONDS):
            state: DeploymentState = await handle.result()
            return state
    except (TimeoutError, RPCTimeoutOrCancelledError):
        _pass_on_cancellation()
        return None
    except RPCError as error:
        if error.status in _AWAY_CODES:
            return None
        raise


@asynccontextmanager
async def translated(patience: timedelta = _ANSWER_TIMEOUT) -> AsyncIterator[None]:
    """Raise what Temporal's client raises in the block as errors of ours, `Unavailable` where it is away."""
    try:
        # The RPC's own timeout does not cover the time it takes to connect.
        async with asyncio.timeout(patience.total_seconds() + 1):
            yield
    except WorkflowUpdateFailedError as error:
        raise _refusal(error.cause) from error
    except (TimeoutError, RPCTimeoutOrCancelledError) as error:
        _pass_on_cancellation()
        raise Unavailable(_AWAY) from error
    except RPCError as error:
        if no_namespace(error):
            raise NoNamespace(_NO_NAMESPACE) from error
        if error.status == RPCStatusCode.NOT_FOUND:
            raise NoWorkflow("The agent is not deployed. Deploy it first.") from error
        if error.status in _AWAY_CODES:
            raise Unavailable(_AWAY) from error
        raise
    except RuntimeError as error:
        # What a lazy client raises when its first connection fails.
        raise Unavailable(_AWAY) from error


def _pass_on_cancellation() -> None:
    """A task that is to end must end, though Temporal's client turns its cancellation into an error."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _refusal(cause: BaseException) -> Exception:
    if isinstance(cause, ApplicationError):
        kind = NotDeployed if cause.type == "NotDeployed" else Conflict
        return kind(cause.message)
    return Conflict(f"The agent's workflow refused: {cause}")
