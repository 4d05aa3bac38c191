"""A call's surroundings, for its workflow: Postgres and LiveKit, as a test wants them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from tests.support.waiting import eventually
from workflows import policy
from workflows.call import CallWorkflow
from workflows.call_types import GOES_ON, CallInput, CallSight, CallState, GiveUp, SendAgent, Sent
from workflows.call_wishes import CallNews


async def nothing() -> None:
    """Nobody does anything."""


@dataclass
class CallWorld:
    """Stands in for Postgres and LiveKit."""

    client: Client
    state: CallState = CallState.GOING
    attempt: int = 1
    others: bool = False
    """Whether another host could send an agent as well."""
    then: CallState = CallState.GOING
    """How it is once an agent was sent."""
    problem: str | None = None
    blind: int = 0
    """How many looks fail."""
    blind_by: str | None = None
    """The name of the error with which they do."""
    is_held: bool = False
    """Whether a host says that it has the call."""
    refusals: int = 0
    """How often LiveKit will not have an agent sent, nor the caller told."""
    looks: int = 0
    sent: list[SendAgent] = field(default_factory=list)
    given_up: list[GiveUp] = field(default_factory=list)
    finished: int = 0
    meanwhile: Callable[[], Awaitable[None]] = nothing
    """What happens while the record of a call that is over is put in order."""
    steps: list[str] = field(default_factory=list)
    """What is to be done with the call when it is over."""
    call: CallInput = field(default_factory=lambda: CallInput(str(uuid.uuid4()), "a", "slug", "room", 0.2))

    @activity.defn
    async def look_at_call(self, call_id: str) -> CallSight:
        """As it is, unless blind."""
        assert call_id == self.call.call_id
        self.looks += 1
        if self.blind:
            self.blind -= 1
            raise ApplicationError("Nobody would say.", type=self.blind_by)
        return CallSight(self.state, self.attempt, "slow", self.others)

    @activity.defn
    async def send_agent(self, request: SendAgent) -> Sent:
        """One that stays, or does not."""
        self.sent.append(request)
        self._refuse()
        if self.state in {CallState.OVER, CallState.EMPTY} or self.problem:
            return Sent(self.attempt, self.state, self.problem)
        if request.lost.attempt == self.attempt:
            self.attempt += 1
        self.state = self.then
        return Sent(self.attempt, CallState.GOING)

    @activity.defn
    async def give_up_call(self, request: GiveUp) -> None:
        """Note it."""
        self.given_up.append(request)
        self._refuse()
        if request.over and not (request.unless_held and self.is_held):
            self.state = CallState.OVER

    def _refuse(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise ApplicationError("LiveKit refused the key.", type="LiveKitRefused", non_retryable=True)

    @activity.defn
    async def finish_call(self, call_id: str) -> list[str]:
        """Note it, where it is over."""
        assert call_id == self.call.call_id
        if self.state is not CallState.OVER:
            return [GOES_ON]
        self.finished += 1
        await self.meanwhile()
        return self.steps

    @property
    def news(self) -> CallNews:
        """As the API and hosts tell them."""
        return CallNews(self.client)

    @property
    def handle(self) -> WorkflowHandle[CallWorkflow, None]:
        """Its workflow."""
        return self.client.get_workflow_handle_for(
            CallWorkflow.run, policy.call_workflow_id(self.call.call_id)
        )

    async def looked(self, times: int) -> None:
        """It was looked at so often."""

        async def enough() -> bool:
            return self.looks >= times

        await eventually(enough, f"{times} looks")

    async def has_sent(self, agents: int) -> None:
        """So many agents were sent."""

        async def enough() -> bool:
            return len(self.sent) >= agents

        await eventually(enough, f"{agents} agents sent")

    async def ends(self) -> None:
        """The room is gone: so is the workflow, and the record is in order."""
        self.state = CallState.OVER
        await self.news.over(self.call)
        await asyncio.wait_for(self.handle.result(), 10)
        assert self.finished == 1


def impatient(client: Client, monkeypatch: pytest.MonkeyPatch) -> CallWorld:
    """A world without a worker, and less patience than in earnest."""
    monkeypatch.setattr(policy, "SENT_PATIENCE", timedelta(seconds=0.2))
    monkeypatch.setattr(policy, "CALL_PAUSE", timedelta(seconds=0.1))
    return CallWorld(client)


@asynccontextmanager
async def working(world: CallWorld) -> AsyncIterator[CallWorld]:
    """A worker for calls, with that world behind it."""
    activities: list[Callable[..., Any]] = [
        world.look_at_call,
        world.send_agent,
        world.give_up_call,
        world.finish_call,
    ]
    # The sandbox would have a policy of its own, which no test could change.
    restrictions = SandboxRestrictions.default.with_passthrough_modules("workflows.policy")
    worker = Worker(
        world.client,
        task_queue=policy.CONTROL_QUEUE,
        workflows=[CallWorkflow],
        activities=activities,
        workflow_runner=SandboxedWorkflowRunner(restrictions=restrictions),
    )
    async with worker:
        yield world
