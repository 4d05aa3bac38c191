"""What is done with calls that are over: each step by itself, and for many calls."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from tests.workflows.call_world import CallWorld
from workflows import policy
from workflows.after import AftercareWorkflow
from workflows.after_types import (
    AfterInput,
    AfterResult,
    Page,
    PageInput,
    ReprocessEnd,
    ReprocessInput,
    Step,
    StepInput,
)
from workflows.call import CallWorkflow
from workflows.reprocess import ReprocessWorkflow

pytestmark = pytest.mark.integration

PAGE = 7


@dataclass
class AfterWorld(CallWorld):
    """Stands in for what does the steps."""

    done: list[StepInput] = field(default_factory=list)
    tries: Counter[str] = field(default_factory=Counter)
    failures: dict[str, int] = field(default_factory=dict)
    """How often a step fails before it is done."""
    concluded: list[AfterInput] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    pages: list[PageInput] = field(default_factory=list)
    end: ReprocessEnd | None = None
    running: int = 0
    most: int = 0

    @activity.defn
    async def run_step(self, request: StepInput) -> None:
        """Do it, or fail as told."""
        self.tries[request.step] += 1
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0.01)
        self.running -= 1
        if self.tries[request.step] <= self.failures.get(request.step, 0):
            raise ApplicationError(f"{request.step} failed.")
        self.done.append(request)

    @activity.defn
    async def conclude_call(self, request: AfterInput) -> None:
        """Note it."""
        self.concluded.append(request)

    @activity.defn
    async def next_calls(self, request: PageInput) -> Page:
        """The next of its calls."""
        self.pages.append(request)
        start = self.calls.index(request.after) + 1 if request.after else 0
        return Page(self.calls[start : start + PAGE])

    @activity.defn
    async def end_reprocess(self, request: ReprocessEnd) -> None:
        """Note it."""
        self.end = request


@pytest.fixture
async def world(temporal: Client, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AfterWorld]:
    """Workers for calls, and for calls that are over."""
    hasty = RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=3)
    monkeypatch.setattr(policy, "STEP_RETRY", hasty)
    monkeypatch.setattr(policy, "SETTLE", timedelta(seconds=0.1))
    async with _working(AfterWorld(temporal)) as world:
        yield world


@asynccontextmanager
async def _working(world: AfterWorld) -> AsyncIterator[AfterWorld]:
    restrictions = SandboxRestrictions.default.with_passthrough_modules("workflows.policy")
    calls = Worker(
        world.client,
        task_queue=policy.CONTROL_QUEUE,
        workflows=[AftercareWorkflow, CallWorkflow, ReprocessWorkflow],
        activities=[world.look_at_call, world.send_agent, world.give_up_call, world.finish_call],
        workflow_runner=SandboxedWorkflowRunner(restrictions=restrictions),
    )
    after = Worker(
        world.client,
        task_queue=policy.AFTER_QUEUE,
        activities=[world.run_step, world.conclude_call, world.next_calls, world.end_reprocess],
    )
    async with calls, after:
        yield world


async def _after(world: AfterWorld, steps: list[Step]) -> AfterResult:
    return await world.client.execute_workflow(
        AftercareWorkflow.run,
        AfterInput(world.call.call_id, steps),
        id=policy.after_workflow_id(world.call.call_id, uuid.uuid4().hex),
        task_queue=policy.CONTROL_QUEUE,
        execution_timeout=timedelta(seconds=20),
    )


async def test_the_transcript_comes_first_and_scores_before_they_are_sent(world: AfterWorld) -> None:
    result = await _after(world, [Step.LANGFUSE, Step.SCORES, Step.COST, Step.TRANSCRIPT])
    order = [each.step for each in world.done]
    assert order[0] is Step.TRANSCRIPT
    assert order.index(Step.SCORES) < order.index(Step.LANGFUSE)
    assert len(order) == 4
    assert result == AfterResult([])
    assert len(world.concluded) == 1


async def test_scores_are_sent_alone_where_only_that_is_asked_for(world: AfterWorld) -> None:
    await _after(world, [Step.LANGFUSE])
    assert [each.step for each in world.done] == [Step.LANGFUSE]


async def test_a_step_that_fails_for_good_holds_up_no_other(world: AfterWorld) -> None:
    world.failures = {Step.SUMMARY: 99, Step.EXTRACT: 1}
    result = await _after(world, [Step.SUMMARY, Step.EXTRACT, Step.COST])
    assert result == AfterResult([Step.SUMMARY])
    assert {each.step for each in world.done} == {Step.EXTRACT, Step.COST}
    assert world.tries == {Step.SUMMARY: 3, Step.EXTRACT: 2, Step.COST: 1}
    assert len(world.concluded) == 1


async def test_a_call_has_them_done_by_a_workflow_of_its_own(world: AfterWorld) -> None:
    world.steps = ["cost", "summary"]
    await world.news.caller_came(world.call)
    run = await world.handle.describe()
    await world.ends()
    after = world.client.get_workflow_handle(policy.after_workflow_id(world.call.call_id, run.run_id))
    await asyncio.wait_for(after.result(), 10)
    assert {each.step for each in world.done} == {Step.COST, Step.SUMMARY}
    (concluded,) = world.concluded
    assert concluded.settle_seconds == 0.1
    # The caller comes back: the call begins anew, and its end is seen to as well.
    await world.news.caller_came(world.call)
    again = await world.handle.describe()
    await world.news.over(world.call)
    await asyncio.wait_for(world.handle.result(), 10)
    second = world.client.get_workflow_handle(policy.after_workflow_id(world.call.call_id, again.run_id))
    await asyncio.wait_for(second.result(), 10)
    assert len(world.concluded) == 2


async def test_many_calls_are_done_again_some_at_a_time(
    world: AfterWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "REPROCESS_AT_ONCE", 3)
    world.calls = [str(uuid.uuid4()) for _ in range(16)]
    world.failures = {Step.COST: 3}  # the first one's tries, all of them
    reprocess_id = str(uuid.uuid4())
    await world.client.execute_workflow(
        ReprocessWorkflow.run,
        ReprocessInput(reprocess_id, [Step.COST]),
        id=policy.reprocess_workflow_id(reprocess_id),
        task_queue=policy.CONTROL_QUEUE,
        execution_timeout=timedelta(seconds=60),
    )
    assert [page.done for page in world.pages] == [0, 7, 14, 16]
    assert world.end is not None
    assert world.end.done == 16
    assert world.end.failed <= 1
    assert all(each.latest for each in world.done)
    assert len({each.call_id for each in world.done}) == 16 - world.end.failed
    assert world.most <= 3
