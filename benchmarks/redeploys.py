"""What callers notice of new versions: calls that are dropped, joins that nobody answers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

from benchmarks.bench import Agent, Bench, open_bench
from benchmarks.callers import by_name, by_token
from benchmarks.measure import Goal, Result, Series
from benchmarks.sample import STOCK_NAME
from benchmarks.scale import Scale, Tell
from benchmarks.stock import Stock
from benchmarks.traffic import PATIENCE_SECONDS, Traffic, traffic

_NONE = Goal(at_most=0)
_PAUSE_SECONDS = 2.0
"""Between two redeploys, and before the first."""

_REGISTERED_SECONDS = 30.0
_GONE_SECONDS = 30.0
"""Until LiveKit notices that a killed agent has left: it gives it time to come back."""


async def measure(scale: Scale, tell: Tell) -> list[Result]:
    """Ours many times; stock once in place, as that takes minutes, and once with a second worker."""
    async with open_bench(env={}) as bench:
        ours = await _redeploy(bench, scale, tell)
        await bench.settle()
        in_place, before = await _restart_in_place(bench, scale, tell)
        await bench.settle()
        beside = await _replace(bench, scale, tell)
    what = f"{scale.redeploys} redeploys with {scale.live} live calls"
    return [
        *_lines(f"{what} (stock: one restart)", ours, in_place, _note(ours, in_place, beside, before)),
        *_lines(f"{what} (stock: one, a second worker first)", ours, beside, ""),
    ]


def _lines(name: str, ours: Traffic, stock: Traffic, note: str) -> list[Result]:
    def series(count: int) -> Series:
        return Series((count,))

    fewer = "fewer"
    dropped, unanswered = series(ours.dropped), series(ours.unanswered + ours.redials)
    return [
        Result(f"{name} → dropped", "calls", dropped, series(stock.dropped), _NONE, fewer, note),
        Result(f"{name} → unanswered", "joins", unanswered, series(stock.unanswered), _NONE, fewer),
    ]


def _note(ours: Traffic, in_place: Traffic, beside: Traffic, before: int) -> str:
    """What the counts are out of, and what went wrong otherwise."""
    sides = (ours, in_place, beside)

    def each(what: str, counts: list[int]) -> str:
        return f"{what} {counts[0]}, {counts[1]} and {counts[2]}"

    words = [
        "ours, stock's restart and its second worker had "
        + each("callers", [len(side.waits) for side in sides]),
        each("live calls", [len(side.live) for side in sides]),
        f"before its restart, under the same load, stock left {before} unanswered",
    ]
    if any(side.redials for side in sides):
        words.append(each("live callers who were not answered at first", [side.redials for side in sides]))
    if problems := [problem for side in sides for problem in side.problems]:
        words.append(f"{len(problems)} problems, such as {problems[0]}")
    return "; ".join(words)


async def _redeploy(bench: Bench, scale: Scale, tell: Tell) -> Traffic:
    """Each redeploy is a new version; callers come by the agent's name and by the widget's token in turn."""
    agent = await bench.deployed("redeploys")
    await bench.settle()
    ways = [partial(by_name, bench, agent.slug), partial(by_token, bench, agent)]
    async with traffic(bench, scale.live, agent.slug, ways) as seen:
        for number in range(scale.redeploys):
            await asyncio.sleep(_PAUSE_SECONDS)
            tell(f"redeploy {number + 1} of {scale.redeploys}")
            await _new_version(bench, agent, number + 2)
        await asyncio.sleep(PATIENCE_SECONDS)
    return seen


async def _new_version(bench: Bench, agent: Agent, version: int) -> None:
    await bench.change(agent, f"You answer questions about orders. Version {version}.")
    accepted = await bench.deploy(agent)
    name = agent.version(version)
    await bench.registrations.wait([name], after=accepted.sent, seconds=_REGISTERED_SECONDS)


async def _restart_in_place(bench: Bench, scale: Scale, tell: Tell) -> tuple[Traffic, int]:
    """What `systemctl restart` does. Also tells how many were unanswered before it."""
    workers = [await Stock.start(bench)]
    try:
        await workers[0].registered()
        await bench.settle(workers[0].pid)
        ways = [partial(by_name, bench, STOCK_NAME)]
        async with traffic(bench, scale.live, STOCK_NAME, ways) as seen:
            await asyncio.sleep(2 * PATIENCE_SECONDS)
            before = seen.unanswered
            seen.waits.clear()
            tell(f"a stock worker is restarted: it may drain for {scale.stop_seconds:g} s")
            await workers[0].stop(scale.stop_seconds)
            workers.append(await Stock.start(bench))
            await workers[1].registered()
            await _until_noticed(seen)
    finally:
        for worker in workers:
            await worker.end()
    return seen, before


async def _until_noticed(seen: Traffic) -> None:
    """Until the callers know that their agents are gone; at most as long as LiveKit takes to find out."""
    everybody = asyncio.gather(*(caller.lost.wait() for caller in seen.live))
    with suppress(TimeoutError):
        await asyncio.wait_for(everybody, _GONE_SECONDS)


async def _replace(bench: Bench, scale: Scale, tell: Tell) -> Traffic:
    """A second worker is started first; the old one may drain for as long as its calls last."""
    workers = [await Stock.start(bench)]
    try:
        await workers[0].registered()
        await bench.settle(workers[0].pid)
        ways = [partial(by_name, bench, STOCK_NAME)]
        async with traffic(bench, scale.live, STOCK_NAME, ways) as seen:
            tell("a second stock worker is started before the first is stopped")
            workers.append(await Stock.start(bench))
            await workers[1].registered()
            leaving = asyncio.create_task(workers[0].end(2 * _GONE_SECONDS))
            await asyncio.sleep(2 * PATIENCE_SECONDS)
        await leaving
    finally:
        for worker in workers:
            await worker.end()
    return seen
