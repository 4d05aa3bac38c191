"""Many requests at once wait for each other, in order and not for ever."""

from __future__ import annotations

import asyncio

import pytest

from api.turns import Turns
from common.errors import Unavailable

pytestmark = pytest.mark.unit


class Work:
    """Requests that hold their turn until they are let go."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.begun: list[int] = []
        self.go = asyncio.Event()

    async def do(self, number: int) -> None:
        """One of them."""
        async with self.turns.take():
            self.begun.append(number)
            await self.go.wait()


async def test_as_many_as_may_begin_and_the_others_follow_in_order() -> None:
    work = Work(Turns("deployments", at_once=2, most=10, seconds=10))
    async with asyncio.TaskGroup() as tasks:
        for number in range(5):
            tasks.create_task(work.do(number))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert work.begun == [0, 1]
        work.go.set()
    assert work.begun == [0, 1, 2, 3, 4]


async def test_who_comes_to_a_long_line_or_stands_in_it_for_long_is_refused() -> None:
    work = Work(Turns("deployments", at_once=1, most=1, seconds=0.05))
    holder = asyncio.create_task(work.do(0))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(work.do(1))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="Too many deployments"):
        await work.do(2)
    with pytest.raises(Unavailable, match="Nothing was changed"):
        await waiting
    work.go.set()
    await holder
    await work.do(3)
    assert work.begun == [0, 3]


async def test_a_turn_is_given_back_by_who_fails_and_by_who_hangs_up() -> None:
    turns = Turns("deployments", at_once=1, most=10, seconds=10)
    with pytest.raises(ValueError, match="no"):
        async with turns.take():
            raise ValueError("no")
    work = Work(turns)
    holder = asyncio.create_task(work.do(0))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(work.do(1))
    await asyncio.sleep(0)
    waiting.cancel()
    holder.cancel()
    await asyncio.gather(waiting, holder, return_exceptions=True)
    work.go.set()
    await work.do(2)
    assert work.begun == [0, 2]
