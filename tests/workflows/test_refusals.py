"""A call whose LiveKit refuses, or is gone: its workflow lives on, tells of it, and ends with the call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from common.causes import Cause
from tests.support.waiting import eventually
from tests.workflows.call_world import CallWorld, impatient, working
from workflows import policy
from workflows.call_types import AgentLost, CallState

pytestmark = pytest.mark.integration

CRASH = AgentLost(1, "It crashed.", crashed=True, host="one")
LOOKS = 5


@pytest.fixture
async def world(temporal: Client, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CallWorld]:
    """A worker for calls, with a world behind it, and less patience than in earnest."""
    monkeypatch.setattr(policy, "CALL_LOST_FROM_SIGHT", LOOKS)
    async with working(impatient(temporal, monkeypatch)) as world:
        yield world


async def test_a_loss_is_not_forgotten_when_nobody_can_be_sent(world: CallWorld) -> None:
    """The lost agent is in the room for twenty seconds still: a look shows nothing wrong."""
    world.refusals = 2
    await world.news.agent_lost(world.call, CRASH)
    await world.has_sent(3)
    assert [each.lost for each in world.sent] == [CRASH] * 3
    assert world.attempt == 2
    await world.ends()
    assert world.given_up == []


async def test_operators_are_told_when_nobody_can_be_sent(
    world: CallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "CALL_TRIES_AT_ONCE", policy.CALL_TRIES)
    world.refusals = policy.CALL_TRIES + 1  # they can't be told either
    await world.news.agent_lost(world.call, CRASH)
    await world.has_sent(policy.CALL_TRIES + 1)
    (told,) = world.given_up
    assert (told.reason, told.over) == ("No agent could be sent. LiveKit refused the key.", False)
    assert told.cause is Cause.LIVEKIT
    await world.ends()


async def test_a_call_of_a_server_that_is_gone_ends(world: CallWorld) -> None:
    world.blind, world.blind_by = LOOKS, "LiveKitUnreachable"
    await world.news.caller_came(world.call)
    await asyncio.wait_for(world.handle.result(), 20)
    assert world.looks == LOOKS
    (told,) = world.given_up
    assert (told.reason, told.over, told.unless_held) == ("Nobody would say.", True, True)
    assert world.finished == 1


async def test_a_call_that_a_host_has_goes_on_without_its_server(world: CallWorld) -> None:
    world.blind, world.blind_by, world.is_held = LOOKS, "LiveKitUnreachable", True
    await world.news.caller_came(world.call)
    await world.looked(LOOKS + 1)
    assert len(world.given_up) == 1
    await world.ends()


async def test_a_call_waits_for_postgres_for_ever(world: CallWorld) -> None:
    world.blind, world.blind_by = LOOKS + 2, "OperationalError"
    await world.news.caller_came(world.call)
    await world.looked(LOOKS + 3)
    assert world.given_up == []
    await world.ends()


async def test_who_registers_after_the_alarm_raises_no_second_one(
    world: CallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "CALL_TRIES_AT_ONCE", policy.CALL_TRIES)
    world.state = world.then = CallState.ALONE
    await world.news.caller_came(world.call)

    async def alarmed() -> bool:
        return bool(world.given_up)

    await eventually(alarmed, "the alarm")
    sent = len(world.sent)
    await world.news.agent_ready(world.call)
    await world.has_sent(sent + 1)
    await world.news.agent_ready(world.call)
    await world.has_sent(sent + 2)
    assert [each.tries for each in world.given_up] == [policy.CALL_TRIES]
    world.then = CallState.GOING
    await world.ends()
