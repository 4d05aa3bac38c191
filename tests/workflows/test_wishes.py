"""How the API talks to Temporal when Temporal does not answer."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from common.errors import BionicError, Conflict, NotDeployed, Unavailable
from workflows.types import DeployRequest, RetryRequest, StopRequest
from workflows.wishes import NoWorkflow, Unanswered, Workflows

pytestmark = pytest.mark.unit


class Silent:
    """A Temporal client that waits for ever, and treats cancellation as the real one does."""

    def __init__(self) -> None:
        self.waiting = asyncio.Event()

    def get_workflow_handle(self, workflow_id: str) -> Silent:
        """The same for every workflow."""
        return self

    async def start_update(self, *_: Any, **__: Any) -> Any:
        """Wait."""
        self.waiting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            raise WorkflowUpdateRPCTimeoutOrCancelledError from error


class Failing(Silent):
    """A Temporal client that fails."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def start_update(self, *_: Any, **__: Any) -> Any:
        """Fail."""
        raise self.error


class Busy(Failing):
    """A Temporal that serves, and is too slow to answer."""

    def __init__(self, error: Exception, *, serves: bool) -> None:
        super().__init__(error)
        self.serves = serves

    @property
    def service_client(self) -> Busy:
        """Itself."""
        return self

    async def check_health(self, **_: Any) -> bool:
        """What Temporal says of itself."""
        return self.serves

    async def start_update_with_start_workflow(self, *_: Any, **__: Any) -> Any:
        """Fail."""
        raise self.error


async def test_a_cancelled_task_ends() -> None:
    client = Silent()
    task = asyncio.create_task(Workflows(cast("Client", client)).retry("a", RetryRequest("me"), "7"))
    await client.waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RPCError("gone", RPCStatusCode.UNAVAILABLE, b""), Unavailable),
        (RPCError("late", RPCStatusCode.DEADLINE_EXCEEDED, b""), Unavailable),
        (RPCError("who?", RPCStatusCode.NOT_FOUND, b""), NoWorkflow),
        (WorkflowUpdateRPCTimeoutOrCancelledError(), Unavailable),
        (RuntimeError("Failed client connect"), Unavailable),
        (WorkflowUpdateFailedError(ApplicationError("no", type="Conflict")), Conflict),
        (WorkflowUpdateFailedError(ApplicationError("no", type="NotDeployed")), NotDeployed),
    ],
)
async def test_errors_are_ours(error: Exception, expected: type[BionicError]) -> None:
    with pytest.raises(expected) as caught:
        await Workflows(cast("Client", Busy(error, serves=False))).retry("a", RetryRequest("me"), "7")
    assert type(caught.value) is expected


@pytest.mark.parametrize(("serves", "expected"), [(True, Unanswered), (False, Unavailable)])
async def test_a_deploy_that_a_busy_temporal_may_have_taken_is_no_refusal(
    serves: bool, expected: type[BionicError]
) -> None:
    client = Busy(WorkflowUpdateRPCTimeoutOrCancelledError(), serves=serves)
    request = DeployRequest("3f5c0000-0000-0000-0000-000000000001", 1, 1, "me", 1.0)
    with pytest.raises(expected) as caught:
        await Workflows(cast("Client", client)).deploy("a", "slug", "name", request)
    assert type(caught.value) is expected


@pytest.mark.parametrize("name", ["stop", "retry"])
async def test_a_wish_that_temporal_has_may_still_happen_and_says_so(name: str) -> None:
    wishes = Workflows(cast("Client", Busy(WorkflowUpdateRPCTimeoutOrCancelledError(), serves=True)))
    asked = (
        wishes.stop("a", StopRequest("me", 1.0), "7")
        if name == "stop"
        else wishes.retry("a", RetryRequest("me"), "7")
    )
    with pytest.raises(Unanswered, match="it may still happen"):
        await asked
