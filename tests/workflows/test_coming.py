"""A call's workflow, and an agent that takes its time: a host has its job, and it is not there yet."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.client import Client

from tests.workflows.call_world import CallWorld, impatient, working
from workflows import policy
from workflows.call_types import AgentLost, CallState

pytestmark = pytest.mark.integration


@pytest.fixture
async def world(temporal: Client, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CallWorld]:
    """A worker for calls, with a world behind it."""
    async with working(impatient(temporal, monkeypatch)) as world:
        yield world


async def test_one_that_is_on_its_way_is_waited_for(world: CallWorld) -> None:
    """Another one would make its host slower still."""
    world.state = CallState.COMING
    await world.news.caller_came(world.call)
    await world.news.agent_ready(world.call)
    await world.looked(4)
    assert not world.sent
    world.state = CallState.GOING
    await world.looked(5)
    await world.ends()
    assert not world.sent


async def test_one_that_stays_on_its_way_is_replaced(
    world: CallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "COMING_WITHIN", timedelta(seconds=3))
    world.state = CallState.COMING
    await world.news.caller_came(world.call)
    await world.has_sent(1)
    assert world.looks >= 3
    assert re.fullmatch(r"No agent came within [34]\.\d s\.", world.sent[0].lost.reason)
    assert world.sent[0].instead_of is None
    await world.ends()


async def test_one_that_is_on_its_way_for_long_is_asked_for_of_another_host_once(world: CallWorld) -> None:
    world.call = replace(world.call, patience_seconds=2)
    world.state = world.then = CallState.COMING
    world.others = True
    await world.news.caller_came(world.call)
    await world.news.agent_ready(world.call)
    await world.looked(1)
    assert not world.sent, "it may take as long as any"
    await world.has_sent(1)
    await world.looked(world.looks + 3)
    assert [each.instead_of for each in world.sent] == ["slow"], "of those one comes"
    await world.ends()


async def test_one_that_came_and_left_is_not_waited_for(world: CallWorld) -> None:
    world.state = world.then = CallState.COMING
    await world.news.caller_came(world.call)
    await world.looked(2)
    assert not world.sent
    await world.news.agent_left(world.call, 1)
    await world.has_sent(1)
    await world.news.agent_left(world.call, 1)  # that was the one before
    await world.looked(world.looks + 3)
    assert len(world.sent) == 1
    await world.ends()


async def test_of_the_next_agent_as_well_another_host_is_asked(world: CallWorld) -> None:
    world.then, world.others = CallState.COMING, True
    await world.news.caller_came(world.call)
    await world.news.agent_lost(world.call, AgentLost(1, "It crashed.", crashed=True, host="one"))
    await world.has_sent(2)
    await world.looked(world.looks + 3)
    assert [each.instead_of for each in world.sent] == [None, "slow"]
    await world.ends()


async def test_who_comes_back_again_and_again_does_not_wait_for_longer(
    world: CallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "COMING_WITHIN", timedelta(seconds=4))
    world.state = CallState.COMING
    began = time.monotonic()
    await world.news.caller_came(world.call)
    while not world.sent and time.monotonic() - began < 8:
        looks = world.looks
        await world.news.caller_came(world.call)
        await world.looked(looks + 1)
    assert world.sent
    await world.ends()


async def test_a_stranger_who_leaves_is_not_the_agent_that_comes(world: CallWorld) -> None:
    world.state = CallState.COMING
    await world.news.caller_came(world.call)
    await world.looked(1)
    await world.news.agent_left(world.call)
    await world.looked(world.looks + 3)
    assert not world.sent
    await world.ends()


async def test_a_loss_that_is_told_while_the_next_agent_is_sent_is_no_other_loss(
    world: CallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "CALL_TRIES_AT_ONCE", 0)
    monkeypatch.setattr(policy, "CALL_PAUSE", timedelta(seconds=2))
    world.state = CallState.ALONE
    await world.news.caller_came(world.call)
    await world.looked(1)
    await world.news.agent_lost(world.call, AgentLost(1, "It ended.", host="one"))  # amid the pause
    await world.has_sent(1)
    await world.looked(world.looks + 1)
    await world.ends()
    assert [each.lost.attempt for each in world.sent] == [1]
