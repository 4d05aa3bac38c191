"""From the answer to a deploy request until LiveKit has the agent, against the start of a stock worker."""

from __future__ import annotations

import asyncio

from benchmarks.bench import Agent, Bench, open_bench
from benchmarks.measure import Goal, Result, Series
from benchmarks.scale import Scale, Tell
from benchmarks.stock import stock_worker

_GOAL = Goal(at_most=0.1, better_by=50)
_PAUSE_SECONDS = 0.3
"""Between two deploys: the work that follows one is over when the next begins."""


async def measure(scale: Scale, tell: Tell) -> list[Result]:
    """One deploy after the other on a warm host; then stock workers, one after the other."""
    async with open_bench() as bench:
        agents = await bench.create_many("deploy", scale.deploys)
        await bench.settle()
        from_accepted, from_sent = await _deploys(bench, agents, tell)
        starts = []
        for number in range(scale.stock_starts):
            tell(f"stock worker {number + 1} of {scale.stock_starts} starts")
            await bench.settle()
            async with stock_worker(bench) as stock:
                starts.append(await stock.registered())
    stock_starts = Series(tuple(starts))
    return [
        Result("deploy accepted → registered, host warm", "s", from_accepted, stock_starts, _GOAL),
        Result("deploy request sent → registered", "s", from_sent, stock_starts),
    ]


async def _deploys(bench: Bench, agents: list[Agent], tell: Tell) -> tuple[Series, Series]:
    from_accepted, from_sent = [], []
    for number, agent in enumerate(agents):
        tell(f"deploy {number + 1} of {len(agents)}")
        request = await bench.deploy(agent)
        at = (await bench.registered(agent, after=request.sent))[agent.slug]
        from_accepted.append(at - request.accepted)
        from_sent.append(at - request.sent)
        await asyncio.sleep(_PAUSE_SECONDS)
    return Series(tuple(from_accepted)), Series(tuple(from_sent))
