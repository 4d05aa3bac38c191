"""What a turn of a conversation takes longer with us, wherever its traces go."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from benchmarks.bench import Agent, Bench, open_bench
from benchmarks.conversation import Conversation, with_ours, with_stock
from benchmarks.measure import Goal, Result, Series
from benchmarks.scale import Scale, Tell
from benchmarks.stock import stock_worker
from benchmarks.traces import Receiver, black_hole, receiving
from stack.config import StackError

_QUESTION = "are you there"
_GOAL = Goal(at_most=0.01)
_STOCK = ("stock", "stock again")
"""Two calls of the same: how far they are apart is what this machine can tell apart."""

_KEYS = {"langfusePublicKey": "pk-bench", "langfuseSecretKey": "sk-bench"}


async def measure(scale: Scale, tell: Tell) -> list[Result]:
    """Conversations of some turns each, one after the other."""
    async with open_bench() as bench, stock_worker(bench) as stock, _targets() as targets:
        agents = {name: await _traced(bench, target) for name, target in targets.items()}
        await stock.registered()
        times: dict[str, list[float]] = {name: [] for name in (*_STOCK, *agents)}
        for number in range(scale.conversations):
            tell(f"conversation {number + 1} of {scale.conversations}")
            async with _calls(bench, agents) as calls:
                await bench.settle(stock.pid)
                for turn in range(scale.turns):
                    tell(f"turn {turn + 1} of {scale.turns} in {len(calls)} calls")
                    for name in random.sample(sorted(calls), len(calls)):
                        times[name].append(await calls[name].ask(_QUESTION))
    for name, target in targets.items():
        if target and not target.came:
            raise StackError(f"Nothing was traced with tracing {name}")
    return _results({name: Series(tuple(values)) for name, values in times.items()}, list(targets))


@asynccontextmanager
async def _calls(bench: Bench, agents: dict[str, Agent]) -> AsyncIterator[dict[str, Conversation]]:
    """All open at once: one has a turn at a time, in an order drawn anew for each round."""
    async with AsyncExitStack() as open_calls:
        calls = {name: await open_calls.enter_async_context(_stock(bench)) for name in _STOCK}
        for name, agent in agents.items():
            calls[name] = await open_calls.enter_async_context(with_ours(bench, agent))
        yield calls


@asynccontextmanager
async def _targets() -> AsyncIterator[dict[str, Receiver | None]]:
    """Where traces go."""
    async with receiving() as receiver, black_hole() as hole:
        yield {"off": None, "on": receiver, "to a server that never answers": hole}


async def _traced(bench: Bench, target: Receiver | None) -> Agent:
    """An agent whose calls are traced to `target`: it has the settings of when it was deployed."""
    if target:
        await bench.settings(langfuseHost=target.url, **_KEYS)
    agent = await bench.deployed("turns")
    await bench.is_live(agent)
    return agent


@asynccontextmanager
async def _stock(bench: Bench) -> AsyncIterator[Conversation]:
    async with with_stock(bench) as conversation:
        if conversation is None:
            raise StackError("The stock worker answered no call")
        yield conversation


def _results(times: dict[str, Series], variants: list[str]) -> list[Result]:
    stock = Series(tuple(value for name in _STOCK for value in times[name].values))
    results = []
    for name in variants:
        ours = times[name]
        slow = Series((ours.p95,)), Series((stock.p95,))
        results.append(Result(f"typed question → first words, tracing {name}", "s", ours, stock))
        results.append(Result("… at p95", "s", *slow))
    added = max(times[name].p95 for name in variants) - stock.p95
    apart = abs(times[_STOCK[0]].p95 - times[_STOCK[1]].p95)
    note = f"two calls of stock are {apart * 1000:.0f} ms apart at p95"
    results.append(
        Result("… what ours adds at p95, the worst of these", "s", Series((added,)), goal=_GOAL, note=note)
    )
    return results
