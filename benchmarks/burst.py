"""Many deploys at once, until LiveKit has all of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from benchmarks.bench import Agent, Bench, open_bench
from benchmarks.measure import Goal, Result, Series
from benchmarks.scale import Scale, Tell

_GOAL = Goal(at_most=10)
_SECONDS = 90.0


@dataclass(frozen=True)
class Burst:
    """Seconds from the first request."""

    all_accepted: float
    all_registered: float


async def deploy_at_once(bench: Bench, agents: list[Agent]) -> Burst:
    """Send every request without waiting for any."""
    requests = await asyncio.gather(*(bench.deploy(agent) for agent in agents))
    began = min(request.sent for request in requests)
    times = await bench.registered(*agents, after=began, seconds=_SECONDS)
    return Burst(max(request.accepted for request in requests) - began, max(times.values()) - began)


async def measure(scale: Scale, tell: Tell) -> list[Result]:
    """Each burst hits a fresh stack."""
    bursts = []
    for number in range(scale.bursts):
        tell(f"burst {number + 1} of {scale.bursts}: {scale.agents} deploys at once")
        async with open_bench() as bench:
            agents = await bench.create_many("burst", scale.agents)
            await bench.settle()
            bursts.append(await deploy_at_once(bench, agents))
    registered = Series(tuple(burst.all_registered for burst in bursts))
    accepted = Series(tuple(burst.all_accepted for burst in bursts))
    name = f"{scale.agents} deploys at once"
    return [
        Result(f"{name} → all registered", "s", registered, goal=_GOAL),
        Result(f"{name} → all accepted", "s", accepted),
    ]
