"""From the death of a runtime host until all its agents take calls again."""

from __future__ import annotations

import os
import signal
import time
from contextlib import AsyncExitStack
from statistics import median

from benchmarks.bench import Agent, Bench, open_bench
from benchmarks.hosts import lone_host
from benchmarks.measure import Goal, Result, Series
from benchmarks.processes import grown, spent
from benchmarks.scale import Scale, Tell
from benchmarks.stock import kept_stock
from stack.config import Service
from workflows.policy import HEARTBEAT_TIMEOUT

_RESTARTED = Goal(at_most=5)
_TAKEN_OVER = Goal(at_most=HEARTBEAT_TIMEOUT.total_seconds() + 3)
_AGAIN_SECONDS = 60.0
_FIRST_CRASH = 1.0
"""A host that ran so long starts again at once. By default it is half a minute: one that dies again sooner
waits longer each time."""


async def measure(scale: Scale, tell: Tell) -> list[Result]:
    """Hosts are killed with SIGKILL once they are at rest: with few agents, beside stock, and with many."""
    async with open_bench(steady_seconds=_FIRST_CRASH) as bench:
        stock = await _stock(bench, scale.kills, tell)
        few = await _killed(bench, scale.tenants, scale.kills, stock, tell)
    async with open_bench(steady_seconds=_FIRST_CRASH) as bench:
        return few + await _killed(bench, scale.crowd, scale.kills, None, tell)


async def _killed(bench: Bench, count: int, kills: int, stock: Series | None, tell: Tell) -> list[Result]:
    """The host of so many agents."""
    agents = await bench.create_many("recovery", count)
    await bench.deploy_gently(agents)
    busy: list[dict[str, float]] = []
    restarted = [await _restarted(bench, agents, tell, busy) for _ in range(kills)]
    taken_over = await _taken_over(bench, agents, kills, tell)
    name = f"host with {count} agents killed → all registered"
    return [
        Result(
            f"{name}, it is started again", "s", Series(tuple(restarted)), stock, _RESTARTED, note=_note(busy)
        ),
        Result(f"{name}, by another host", "s", taken_over, goal=_TAKEN_OVER),
    ]


async def _restarted(bench: Bench, agents: list[Agent], tell: Tell, busy: list[dict[str, float]]) -> float:
    """The stack's own supervisor starts it again. What CPU each server spent meanwhile is added to `busy`."""
    await bench.settle()
    tell(f"a host with {len(agents)} agents is killed")
    before, began = spent(bench.pids), time.time()
    bench.stack.kill(Service.RUNTIME, signal.SIGKILL)
    times = await bench.registered(*agents, after=began, seconds=_AGAIN_SECONDS)
    after = spent(bench.pids)
    busy.append({name: grown(before.get(name, {}), after[name]) for name in after})
    return max(times.values()) - began


def _note(busy: list[dict[str, float]]) -> str:
    """What bounds it: the median of each server's part."""
    names = sorted({name for each in busy for name in each})
    parts = {name: median(each.get(name, 0.0) for each in busy) for name in names}
    told = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in parts.items())
    return f"CPU of both cores spent meanwhile: {told}; {sum(parts.values()):.1f} s in all"


async def _stock(bench: Bench, kills: int, tell: Tell) -> Series:
    """A stock worker with its one agent, under a supervisor."""
    seconds = []
    async with kept_stock(bench) as kept:
        await kept.now.registered()
        for _ in range(kills):
            await bench.settle(kept.now.pid)
            tell("a stock worker is killed")
            began = time.time()
            os.kill(kept.now.pid, signal.SIGKILL)
            seconds.append(await kept.now.registered(after=began))
    return Series(tuple(seconds))


async def _taken_over(bench: Bench, agents: list[Agent], kills: int, tell: Tell) -> Series:
    """A machine is lost, with all that ran on it; another host is there."""
    seconds = []
    async with AsyncExitStack() as hosts:
        tell("another host starts")
        carrier = await hosts.enter_async_context(lone_host(bench))
        began = time.time()
        await bench.stack.stop(Service.RUNTIME)
        await bench.registered(*agents, after=began, seconds=_AGAIN_SECONDS)
        for number in range(kills):
            tell(f"loss {number + 1} of {kills}: the host that will take over starts")
            successor = await hosts.enter_async_context(lone_host(bench))
            await bench.settle(carrier.pid, successor.pid)
            tell(f"loss {number + 1} of {kills}: a host with {len(agents)} agents is killed")
            began = time.time()
            carrier.kill_group()
            times = await bench.registered(*agents, after=began, seconds=_AGAIN_SECONDS)
            seconds.append(max(times.values()) - began)
            carrier = successor
    return Series(tuple(seconds))
