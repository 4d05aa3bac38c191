"""A call's workflow: who comes, who is lost, who is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from tests.support.waiting import eventually
from tests.workflows.call_world import CallWorld, impatient, nothing, working
from workflows import policy
from workflows.call_types import AgentLost, CallState

pytestmark = pytest.mark.integration


@pytest.fixture
def idle(temporal: Client, monkeypatch: pytest.MonkeyPatch) -> CallWorld:
    """A world without a worker, and less patience than in earnest."""
    return impatient(temporal, monkeypatch)


@pytest.fixture
async def world(idle: CallWorld) -> AsyncIterator[CallWorld]:
    """A worker for calls, with a world behind it."""
    async with working(idle):
        yield idle


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
    world.state = world.then = CallState.ALONE
    await world.news.caller_came(world.call)
    await asyncio.wait_for(world.handle.result(), 30)
    assert [each.lost.attempt for each in world.sent] == [1, 2, 3, 4, 5, 6, 7]
    assert [each.elsewhere for each in world.sent] == [False, True, False, True, False, True, False]
    assert [(each.tries, each.over) for each in world.given_up] == [(policy.CALL_TRIES, False), (7, True)]
    assert world.finished == 1


async def test_who_waits_is_sent_an_agent_as_soon_as_one_registers(
    world: CallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LiveKit dropped what was sent before, for nobody was there."""
    monkeypatch.setattr(policy, "SENT_PATIENCE", timedelta(minutes=1))
    world.call = replace(world.call, patience_seconds=60)
    world.state = world.then = CallState.ALONE
    await world.news.caller_came(world.call)
    for sent in range(1, policy.CALL_TRIES + 2):
        await world.news.agent_ready(world.call)
        await world.has_sent(sent)
    assert {each.lost.reason for each in world.sent} == {"No agent was registered when one was sent for."}
    assert world.given_up == [], "that was nobody's fault"
    await world.ends()


async def test_an_agent_that_registers_ends_the_pause_between_two_tries(
    world: CallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "CALL_PAUSE", timedelta(minutes=1))
    monkeypatch.setattr(policy, "CALL_TRIES_AT_ONCE", -10)  # the pause is a minute
    world.state = CallState.ALONE
    await world.news.caller_came(world.call)
    await world.looked(1)
    await world.news.agent_ready(world.call)
    await world.has_sent(1)
    await world.ends()


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


async def test_one_that_sleeps_until_its_token_expires_hears_that_the_room_is_gone(world: CallWorld) -> None:
    """LiveKit's word that the caller had come was lost."""
    await world.news.begin(world.call)
    await world.ends()
    await world.news.over(world.call)
    described = await world.handle.describe()
    assert described.status is WorkflowExecutionStatus.COMPLETED, "once over, nothing begins"


async def test_a_caller_who_comes_back_begins_it_anew(world: CallWorld) -> None:
    await world.news.caller_came(world.call)
    await world.ends()
    world.state, world.attempt = CallState.ALONE, 3
    await world.news.caller_came(world.call)

    async def sent() -> bool:
        return bool(world.sent)

    await eventually(sent, "an agent")
    assert world.sent[0].lost.attempt == 3
    world.state = CallState.OVER
    await world.news.over(world.call)
    await asyncio.wait_for(world.handle.result(), 10)


@pytest.mark.parametrize("signals", [("over", "caller_came"), ("caller_came", "over")])
async def test_a_caller_who_is_back_before_the_end_was_heard_of_is_looked_after(
    idle: CallWorld, signals: tuple[str, str]
) -> None:
    """The workers were away, or Temporal was: then the order of what they are told is a matter of luck."""
    await idle.news.begin(idle.call)
    for signal in signals:
        await (idle.news.over(idle.call) if signal == "over" else idle.news.caller_came(idle.call))
    idle.state = CallState.ALONE
    async with working(idle):

        async def sent() -> bool:
            return bool(idle.sent)

        await eventually(sent, "an agent")
        assert idle.finished == 0
        await idle.ends()


async def test_a_caller_who_is_back_while_the_record_is_put_in_order_is_looked_after(
    world: CallWorld,
) -> None:
    async def back() -> None:
        world.state = CallState.ALONE
        await world.news.caller_came(world.call)

    await world.news.caller_came(world.call)
    world.meanwhile, world.state = back, CallState.OVER
    await world.news.over(world.call)

    async def sent() -> bool:
        return bool(world.sent)

    await eventually(sent, "an agent")
    world.meanwhile, world.finished = nothing, 0
    await world.ends()
