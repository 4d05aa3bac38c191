"""From a dispatch until the agent is in the room: warm, and on a host that has just started."""

from __future__ import annotations

import asyncio
import time

from benchmarks.bench import Agent, Bench, open_bench
from benchmarks.callers import waiting_caller
from benchmarks.measure import Goal, Result, Series
from benchmarks.sample import STOCK_NAME
from benchmarks.scale import Scale, Tell
from benchmarks.stock import Stock, stock_worker

_GOAL = Goal(share_of_stock=1.1)


async def measure(scale: Scale, tell: Tell) -> list[Result]:
    """In each round both sides take turns, so that a busy moment of the machine hits both."""
    ours: list[float] = []
    stocks: list[float] = []
    first: list[float] = []
    stock_first: list[float] = []
    async with open_bench() as bench:
        agent = await bench.deployed("join")
        for number in range(scale.rounds):
            where = f"round {number + 1} of {scale.rounds}"
            tell(f"{where}: a stock worker starts")
            async with stock_worker(bench) as stock:
                stock_first.append(await _first_of_stock(bench, stock))
                for turn in range(scale.joins):
                    tell(f"{where}: call {turn + 1} of {scale.joins}")
                    sides = [(agent.names[0], ours), (STOCK_NAME, stocks)]
                    for name, values in sides if turn % 2 else reversed(sides):
                        values.append(await _warm(bench, stock, name))
            tell(f"{where}: our host starts anew")
            first.append(await _first_of_ours(bench, agent))
    warm = Series(tuple(stocks))
    return [
        Result("dispatch → agent joined, warm", "s", Series(tuple(ours)), warm, _GOAL),
        Result("… the very first call of a host (stock: warm)", "s", Series(tuple(first)), warm, _GOAL),
        Result(
            "… the very first call of a host (stock: its first)",
            "s",
            Series(tuple(first)),
            Series(tuple(stock_first)),
        ),
    ]


async def _warm(bench: Bench, stock: Stock, name: str) -> float:
    """A call once both sides are at rest: stock has its spare processes again."""
    async with waiting_caller(bench) as caller:
        await bench.settle(stock.pid)
        return await caller.joined_by(name)


async def _first_of_stock(bench: Bench, stock: Stock) -> float:
    async with waiting_caller(bench) as caller:
        await stock.registered()
        return await caller.joined_by(STOCK_NAME)


async def _first_of_ours(bench: Bench, agent: Agent) -> float:
    async with waiting_caller(bench) as caller:
        await bench.settle()
        began = time.time()
        restart = asyncio.create_task(bench.stack.restart("runtime"))
        try:
            await bench.registered(agent, after=began)
            return await caller.joined_by(agent.names[0])
        finally:
            await restart
