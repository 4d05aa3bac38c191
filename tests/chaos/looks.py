"""Looking until all is well, and telling what is missing until then."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus

import httpx
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.service import RPCError

from tests.chaos.world import World
from tests.support.platform import Json
from tests.support.waiting import eventually
from workflows.policy import HOST_ACTIVITY_ID

SETTLED_SECONDS = 90.0
"""From the worst of all faults to everything as it should be. Most often it takes a few seconds."""

WORTH_TELLING_SECONDS = 2.0


class NotYet(Exception):
    """What is missing until all is well, for the one who reads of it."""


def expect(holds: object, problem: str) -> None:
    """That it holds, if not now then soon."""
    if not holds:
        raise NotYet(problem)


class Looks:
    """Asks the API and Temporal, which may be away."""

    def __init__(self, world: World, tell: Callable[[str], None]) -> None:
        self.world = world
        self._tell = tell

    async def until_well(self, look: Callable[[], Awaitable[None]], what: str) -> None:
        """Look again and again until there is nothing to complain of; fails with the last complaint."""
        problem, began = "", time.monotonic()

        async def well() -> bool:
            nonlocal problem
            try:
                await look()
            except (NotYet, httpx.TransportError, RPCError) as error:
                problem = str(error) or repr(error)
                return False
            return True

        try:
            await eventually(well, what, seconds=SETTLED_SECONDS, every=0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}: {problem}") from None
        if (took := time.monotonic() - began) > WORTH_TELLING_SECONDS:
            self._tell(f"  {what} after {took:.1f} s; before that: {problem}")

    async def get(self, path: str) -> Json:
        """What the API says, as soon as it does."""
        answer = await self._answer(path)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        found: Json = answer.json()
        return found

    async def is_gone(self, path: str) -> bool:
        """Whether the API says that there is no such thing."""
        return (await self._answer(path)).status_code == HTTPStatus.NOT_FOUND

    async def _answer(self, path: str) -> httpx.Response:
        answer = await self.world.platform.http.get(path)
        if answer.is_server_error:
            raise NotYet(f"{path}: {answer.status_code} {answer.text}")
        return answer

    async def stays(self, query: str) -> AsyncIterator[tuple[str, list[PendingActivityInfo]]]:
        """By Temporal's account: the replicas that run, by id, and the activities that carry each."""
        query = f"WorkflowType = 'ReplicaWorkflow' AND ExecutionStatus = 'Running' AND {query}"
        async for replica in self.world.temporal.list_workflows(query):
            described = await self.world.temporal.get_workflow_handle(replica.id).describe()
            pending = described.raw_description.pending_activities
            yield replica.id, [each for each in pending if each.activity_id == HOST_ACTIVITY_ID]
