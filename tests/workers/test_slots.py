"""A host asks for agents while its door is open, and for no more than it has slots."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from activities.door import Door
from common.status import Standing
from workers.runtime.slots import AgentSlots

pytestmark = pytest.mark.unit

NOBODY = cast("Any", None)


async def _has_to_wait(slot: asyncio.Task[Any]) -> bool:
    await asyncio.wait([slot], timeout=0.02)
    return not slot.done()


async def test_a_slot_is_given_out_while_the_door_is_open_and_there_is_one() -> None:
    door = Door()
    slots = AgentSlots(door, 1)
    first = asyncio.create_task(slots.reserve_slot(NOBODY))
    assert await _has_to_wait(first), "what operators want is not known yet"
    assert door.stand(Standing.OPEN)
    await asyncio.wait_for(first, 1)
    second = asyncio.create_task(slots.reserve_slot(NOBODY))
    assert await _has_to_wait(second), "there is no other"

    # The door is shut while it waits: the slot that comes back stays where it is.
    assert door.stand(Standing.CORDONED)
    assert not door.stand(Standing.CORDONED)
    await asyncio.to_thread(slots.release_slot, NOBODY)
    assert await _has_to_wait(second)
    assert slots.try_reserve_slot(NOBODY) is None
    door.stand(Standing.OPEN)
    await asyncio.wait_for(second, 1)
    given_up = asyncio.create_task(slots.reserve_slot(NOBODY))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    await asyncio.to_thread(slots.release_slot, NOBODY)
    await asyncio.wait_for(slots.reserve_slot(NOBODY), 1)


async def test_a_door_says_whether_agents_come_and_whether_they_go() -> None:
    door = Door()
    found = []
    for standing in (Standing.OPEN, Standing.DRAINED, Standing.CORDONED):
        door.stand(standing)
        found.append((door.open.is_set(), door.emptying.is_set()))
    assert found == [(True, False), (False, True), (False, False)]
