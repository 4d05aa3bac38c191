"""From the death of an agent's process amid a call until another agent is with the caller."""

from __future__ import annotations

import time

from livekit import rtc
from temporalio.client import Client

from benchmarks.bench import Agent, Bench, open_bench
from benchmarks.callers import JOIN_SECONDS, Caller, waiting_caller
from benchmarks.measure import Goal, Result, Series
from benchmarks.processes import in_calls
from benchmarks.sample import STOCK_NAME
from benchmarks.scale import Scale, Tell
from benchmarks.stock import Stock, stock_worker
from stack.config import Service, StackError

_USUAL = Goal(at_most=1.5)
_WORST = Goal(at_most=3)
_STOCK_TRIES = 3
_STOCK_PATIENCE = 25.0
"""A dead agent of a stock worker stays in the room for 21 s: whoever comes later would still have come."""


async def measure(scale: Scale, tell: Tell) -> list[Result]:
    """One call at a time, each side's own way to join: with the token of a widget, and by a dispatch."""
    async with open_bench() as bench:
        agent = await bench.deployed("lost")
        await bench.is_live(agent)
        ours, events, plain = [], [], []
        for number in range(scale.losses):
            tell(f"call {number + 1} of {scale.losses}: its agent's process is killed")
            seconds, history = await _ours(bench, agent, kill=True)
            ours.append(seconds)
            events.append(history)
        _, undisturbed = await _ours(bench, agent, kill=False)
        plain.append(undisturbed)
        async with stock_worker(bench) as stock:
            await stock.registered()
            stocks = [await _stock(bench, stock, tell) for _ in range(min(_STOCK_TRIES, scale.losses))]
    times = Series(tuple(ours))
    name = "agent's process killed → another agent with the caller"
    return [
        Result(name, "s", times, Series(tuple(stocks)), _USUAL),
        Result("… the slowest of them", "s", Series((times.high,)), goal=_WORST),
        Result("Temporal history events of a call", "events", Series(tuple(plain))),
        Result("… of one whose agent was lost once", "events", Series(tuple(events))),
    ]


async def _ours(bench: Bench, agent: Agent, *, kill: bool) -> tuple[float, float]:
    """Seconds until another agent is there, and the events of the call's history."""
    token, room = await bench.token(agent)
    caller = Caller(bench, rtc.Room(), room)
    await caller.connect(token)
    try:
        await _is_there(caller, await caller.joined(time.perf_counter()))
        await bench.settle()
        seconds = await _kill(caller, bench.pids[Service.RUNTIME], JOIN_SECONDS) if kill else 0.0
        await bench.settle()
    finally:
        await caller.hang_up()
    client = await Client.connect(bench.stack.temporal_address)
    handle = client.get_workflow_handle(room)
    await handle.result()
    history = await handle.fetch_history()
    return seconds, float(len(history.events))


async def _stock(bench: Bench, stock: Stock, tell: Tell) -> float:
    async with waiting_caller(bench) as caller:
        await bench.settle(stock.pid)
        reached, _ = await caller.insists(STOCK_NAME)
        if not reached:
            raise StackError("The stock worker answered no call")
        await bench.settle(stock.pid)
        tell("a stock agent's process is killed")
        return await _kill(caller, stock.pid, _STOCK_PATIENCE)


async def _kill(caller: Caller, pid: int, patience: float) -> float:
    (process,) = in_calls(pid)
    began = time.perf_counter()
    process.kill()
    return await caller.another(began, patience)


async def _is_there(caller: Caller, seconds: float) -> None:
    if seconds == float("inf"):
        raise StackError(f"Our agent did not answer the call in {caller.name}")
