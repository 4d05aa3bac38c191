"""What it means when Temporal says that it does not find something."""

from __future__ import annotations

from datetime import timedelta

from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

_STARTED = 1
"""Events in the history of a workflow that has been started, and of which no task has begun."""


def no_namespace(error: RPCError) -> bool:
    """Whether it does not know our namespace, and so says nothing of our workflows.

    It has just started, its store is lost or stuck, or it is another Temporal.
    """
    if error.status is not RPCStatusCode.NOT_FOUND:
        return False
    return any(each.Is(NamespaceNotFoundFailure.DESCRIPTOR) for each in error.grpc_status.details)


def no_workflow(error: RPCError) -> bool:
    """Whether there is no such workflow, or what was asked of it is over."""
    return error.status is RPCStatusCode.NOT_FOUND and not no_namespace(error)


async def is_running(client: Client, workflow_id: str, rpc_timeout: timedelta) -> bool:
    """Whether there is such a workflow and it is not over. Raises `RPCError` where Temporal is away."""
    return await _history(client, workflow_id, rpc_timeout) > 0


async def is_awake(client: Client, workflow_id: str, rpc_timeout: timedelta) -> bool:
    """Whether it runs, and does not sleep until a time that was set when it was started."""
    return await _history(client, workflow_id, rpc_timeout) > _STARTED


async def _history(client: Client, workflow_id: str, rpc_timeout: timedelta) -> int:
    """How many events a running workflow has; none where there is no such workflow, or it is over."""
    try:
        found = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=rpc_timeout)
    except RPCError as error:
        if no_workflow(error):
            return 0
        raise
    return found.history_length if found.status is WorkflowExecutionStatus.RUNNING else 0
