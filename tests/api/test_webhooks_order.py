"""LiveKit's webhooks in an order that is not that of what happened: a caller is where the newest says."""

from __future__ import annotations

import time
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from db.repositories.calls import CallRepository
from db.repositories.recoveries import RecoveryRepository
from tests.api.conftest import Client, platform_of
from tests.api.helpers import HOOK, call_of, make_call, make_live, signature
from tests.support.livekit_hooks import told

pytestmark = pytest.mark.integration

JOINED, LEFT, ABORTED = "participant_joined", "participant_left", "participant_connection_aborted"
FINISHED = "room_finished"
MOST = 1000


async def _take(client: Client, *bodies: bytes) -> None:
    for body in bodies:
        assert (await client.post(HOOK, content=body, headers=signature(body))).json() == {"taken": True}


async def _is_there(client: Client, token: dict[str, Any]) -> bool:
    """Whether the caller is in the room, by what was told."""
    async with platform_of(client).webhooks.postgres.begin() as db_session:
        call = await CallRepository(db_session).in_room(token["room"])
    assert call is not None
    return call.caller_joined_at is not None and call.caller_left_at is None


async def _is_waited_for(client: Client, token: dict[str, Any]) -> bool:
    """Whether the reconciler would look for an agent."""
    async with platform_of(client).webhooks.postgres.begin() as db_session:
        waiting = await RecoveryRepository(db_session).without_agent(timedelta(0), MOST)
    return token["room"] in {call.room for call in waiting}


@pytest.mark.parametrize("left", [LEFT, ABORTED])
async def test_a_caller_who_left_before_the_agent_came_is_gone_whenever_that_is_told(
    client: Client, left: str
) -> None:
    token = await make_call(client, await make_live(client))
    since = time.time() - 20
    await _take(client, told(JOINED, token, age=20, since=since), told(JOINED, token, agent="agent", age=5))
    assert await _is_there(client, token)
    assert await _is_waited_for(client, token)
    await _take(client, told(left, token, age=10, since=since))
    assert not await _is_there(client, token)
    assert not await _is_waited_for(client, token)


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_caller_who_came_back_is_there_in_whatever_order_that_is_told(
    client: Client, order: tuple[int, ...]
) -> None:
    """LiveKit tells who was put out by their own second connection after that one was made."""
    token = await make_call(client, await make_live(client))
    first, second = time.time() - 20, time.time() - 10
    events = [
        told(JOINED, token, age=20, since=first),
        told(JOINED, token, age=10, since=second),
        told(LEFT, token, age=10, since=first),
    ]
    await _take(client, *(events[number] for number in order))
    assert await _is_there(client, token)
    await _take(client, told(LEFT, token, since=second))
    assert not await _is_there(client, token)


async def test_a_caller_who_came_and_went_is_gone_though_the_coming_is_told_last(client: Client) -> None:
    token = await make_call(client, await make_live(client))
    since = time.time() - 20
    await _take(client, told(LEFT, token, age=10, since=since), told(JOINED, token, age=20, since=since))
    assert not await _is_there(client, token)
    await _take(client, told(JOINED, token))
    assert await _is_there(client, token)


async def test_somebody_else_who_leaves_is_not_the_caller(client: Client) -> None:
    token = await make_call(client, await make_live(client))
    other = token | {"identity": "somebody-who-listens"}
    await _take(client, told(JOINED, token, age=20), told(JOINED, other, age=10), told(LEFT, other))
    assert await _is_there(client, token)


@pytest.mark.parametrize("others", ["agent", "somebody", "a late word of the caller"])
async def test_a_room_that_is_gone_ends_its_call_whoever_else_is_told_of(client: Client, others: str) -> None:
    """The end is told again and again, long after it: meanwhile there may be word of others, and old news."""
    token = await make_call(client, await make_live(client))
    await _take(client, told(JOINED, token, age=60))
    match others:
        case "agent":
            await _take(client, told(JOINED, token, agent="agent", age=5))
        case "somebody":
            await _take(client, told(JOINED, token | {"identity": "somebody"}, age=5))
        case _:
            await _take(client, told(JOINED, token, age=50))
    await _take(client, told(FINISHED, token, age=30))
    assert (await call_of(client, token["callId"]))["status"] == "ended"
