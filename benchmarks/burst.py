"""Many deploys at once, until LiveKit has all of them."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass

from benchmarks.bench import Accepted, Agent, Bench, Busy, open_bench
from benchmarks.measure import Goal, Result, Series
from benchmarks.registrations import NotRegistered
from benchmarks.scale import Scale, Tell

_GOAL = Goal(at_most=10)
_SECONDS = 90.0


@dataclass(frozen=True)
class Burst:
    """Seconds from the first request; infinity when a request was refused or an agent never came."""

    all_accepted: float
    all_registered: float
    problems: tuple[str, ...] = ()
    refusals: int = 0
    """Requests that were told to come again, and came."""


async def deploy_at_once(bench: Bench, agents: list[Agent], seconds: float = _SECONDS) -> Burst:
    """Send every request without waiting for any, again where the API wants that, and give all agents
    `seconds` to come."""
    began, refusals = time.time(), 0

    async def one(agent: Agent) -> Accepted:
        nonlocal refusals
        while True:
            try:
                return await bench.deploy(agent)
            except Busy as busy:
                if time.time() - began > seconds:
                    raise
                refusals += 1
                await asyncio.sleep(busy.again)

    answers = await asyncio.gather(*(one(agent) for agent in agents), return_exceptions=True)
    requests = [answer for answer in answers if isinstance(answer, Accepted)]
    problems = [str(answer) for answer in answers if isinstance(answer, BaseException)]
    if problems:
        return Burst(math.inf, math.inf, tuple(problems), refusals)
    accepted = max(request.accepted for request in requests) - began
    try:
        times = await bench.registered(*agents, after=began, seconds=seconds)
    except NotRegistered as error:
        return Burst(accepted, math.inf, (str(error),), refusals)
    return Burst(accepted, max(times.values()) - began, refusals=refusals)


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
    problems = [problem for burst in bursts for problem in burst.problems]
    note = f"{len(problems)} problems in {len(bursts)} bursts; the first: {problems[0]}" if problems else ""
    name = f"{scale.agents} deploys at once"
    return [
        Result(f"{name} → all registered", "s", registered, goal=_GOAL, note=note),
        Result(f"{name} → all accepted", "s", accepted),
    ]
