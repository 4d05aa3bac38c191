"""A call's workflow: who comes, who is lost, who is sent."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from tests.support.waiting import eventually
from workflows import policy
from workflows.call import CallWorkflow
from workflows.call_types import AgentLost, CallInput, CallSight, CallState, GiveUp, SendAgent, Sent
from workflows.call_wishes import CallNews

pytestmark = pytest.mark.integration


@dataclass
class CallWorld:
    """Stands in for Postgres and LiveKit."""

    client: Client
    state: CallState = CallState.GOING
    attempt: int = 1
    stays: bool = True
    """Whether an agent that is sent stays."""
    problem: str | None = None
    blind: int = 0
    """How many looks fail."""
    looks: int = 0
    sent: list[SendAgent] = field(default_factory=list)
    given_up: list[GiveUp] = field(default_factory=list)
    finished: int = 0
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
            raise ApplicationError("LiveKit is away")
        return CallSight(self.state, self.attempt)

    @activity.defn
    async def send_agent(self, request: SendAgent) -> Sent:
        """One that stays, or does not."""
        self.sent.append(request)
        if self.state in {CallState.OVER, CallState.EMPTY} or self.problem:
            return Sent(self.attempt, self.state, self.problem)
        if request.lost.attempt == self.attempt:
            self.attempt += 1
        self.state = CallState.GOING if self.stays else CallState.ALONE
        return Sent(self.attempt, CallState.GOING)

    @activity.defn
    async def give_up_call(self, request: GiveUp) -> None:
        """Note it."""
        self.given_up.append(request)

    @activity.defn
    async def finish_call(self, call_id: str) -> list[str]:
        """Note it."""
        assert call_id == self.call.call_id
        self.finished += 1
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

    async def ends(self) -> None:
        """The room is gone: so is the workflow, and the record is in order."""
        await self.news.over(self.call.call_id)
        await asyncio.wait_for(self.handle.result(), 10)
        assert self.finished == 1


@pytest.fixture
async def world(temporal: Client, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CallWorld]:
    """A worker for calls, with a world behind it, and less patience than in earnest."""
    monkeypatch.setattr(policy, "SENT_PATIENCE", timedelta(seconds=0.2))
    monkeypatch.setattr(policy, "CALL_PAUSE", timedelta(seconds=0.1))
    async with _working(CallWorld(temporal)) as world:
        yield world


@asynccontextmanager
async def _working(world: CallWorld) -> AsyncIterator[CallWorld]:
    activities = [world.look_at_call, world.send_agent, world.give_up_call, world.finish_call]
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


async def test_a_call_that_goes_well_costs_one_look(world: CallWorld) -> None:
    await world.news.begin(world.call)
    await world.news.caller_came(world.call)

    async def looked() -> bool:
        return world.looks == 1

    await eventually(looked, "a look whether an agent came")
    await world.ends()
    assert world.sent == []
    events = [event async for event in world.handle.fetch_history_events()]
    assert len(events) <= 24


async def test_a_token_that_nobody_uses_costs_one_event(world: CallWorld) -> None:
    await world.news.begin(world.call)
    events = [event async for event in world.handle.fetch_history_events()]
    assert len(events) == 1
    await world.handle.terminate()


async def test_a_caller_without_an_agent_gets_one(world: CallWorld) -> None:
    world.state = CallState.ALONE
    await world.news.caller_came(world.call)

    async def helped() -> bool:
        return world.looks == 2

    await eventually(helped, "a look at what became of it")
    (sent,) = world.sent
    assert sent.lost == AgentLost(1, "No agent came within 0.2 s.")
    assert not sent.elsewhere
    await world.ends()


async def test_a_lost_agent_is_replaced_at_once_and_once(world: CallWorld) -> None:
    lost = AgentLost(1, "It crashed.", crashed=True, host="one")
    await world.news.caller_came(world.call)
    await world.news.agent_lost(world.call, lost)

    async def sent() -> bool:
        return bool(world.sent)

    await eventually(sent, "another agent")
    await world.news.agent_lost(world.call, lost)
    await world.news.agent_left(world.call)

    async def looked() -> bool:
        return world.looks >= 1

    await eventually(looked, "a look at it")
    await world.ends()
    assert [each.lost for each in world.sent] == [lost]


async def test_agents_that_do_not_stay_are_sent_ever_more_slowly_and_somebody_is_told(
    world: CallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "CALL_LAST_TRY", 7)
    world.state, world.stays = CallState.ALONE, False
    await world.news.caller_came(world.call)
    await asyncio.wait_for(world.handle.result(), 30)
    assert [each.lost.attempt for each in world.sent] == [1, 2, 3, 4, 5, 6, 7]
    assert [each.elsewhere for each in world.sent] == [False, True, False, True, False, True, False]
    assert [(each.tries, each.over) for each in world.given_up] == [(policy.CALL_TRIES, False), (7, True)]
    assert world.finished == 1


async def test_a_call_that_nobody_can_take_is_given_up(world: CallWorld) -> None:
    world.state, world.problem = CallState.ALONE, "The agent is not deployed any more."
    await world.news.agent_lost(world.call, AgentLost(1, "It crashed."))
    await asyncio.wait_for(world.handle.result(), 10)
    assert [(each.reason, each.over) for each in world.given_up] == [(world.problem, True)]


async def test_nobody_is_sent_to_a_caller_who_has_left(world: CallWorld) -> None:
    world.state = CallState.EMPTY
    await world.news.agent_lost(world.call, AgentLost(1, "It crashed."))

    async def asked() -> bool:
        return bool(world.sent)

    await eventually(asked, "the question whether the caller is there")
    await world.ends()
    assert world.given_up == []


async def test_a_look_that_fails_is_taken_again(world: CallWorld) -> None:
    world.blind, world.state = 2, CallState.ALONE
    await world.news.caller_came(world.call)

    async def sent() -> bool:
        return bool(world.sent)

    await eventually(sent, "an agent in the end")
    await world.ends()


async def test_a_call_whose_end_nobody_told_is_found(
    world: CallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "CALL_CHECK", timedelta(seconds=0.3))
    await world.news.caller_came(world.call)

    async def looked() -> bool:
        return world.looks >= 2

    await eventually(looked, "looks now and then")
    world.state = CallState.OVER
    await asyncio.wait_for(world.handle.result(), 10)
    assert world.finished == 1


async def test_a_caller_who_comes_back_begins_it_anew(world: CallWorld) -> None:
    await world.news.caller_came(world.call)
    await world.ends()
    world.state, world.attempt = CallState.ALONE, 3
    await world.news.caller_came(world.call)

    async def sent() -> bool:
        return bool(world.sent)

    await eventually(sent, "an agent")
    assert world.sent[0].lost.attempt == 3
    await world.news.over(world.call.call_id)
    await asyncio.wait_for(world.handle.result(), 10)
