"""What a live call costs, in which somebody talks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from benchmarks.bench import Bench, open_bench
from benchmarks.callers import waiting_caller
from benchmarks.measure import Goal, Result, Series, Unit
from benchmarks.microphone import again, microphone, spoken
from benchmarks.processes import mcores, pss
from benchmarks.sample import STOCK_NAME
from benchmarks.scale import Scale, Tell
from benchmarks.stock import stock_worker
from stack.config import Service, StackError

_EVERY_SECONDS = 6.0
"""A question, its answer, and a breath."""

_WARM_SECONDS = 8.0
_SETTLE_SECONDS = 30.0
_MEMORY_GOAL = Goal(at_most=40)
_OURS = "ours"


async def measure(scale: Scale, tell: Tell) -> list[Result]:
    """The same calls to both sides at the same time; what they add to each side's processes at rest."""
    speech = await spoken("where is my order")
    async with open_bench() as bench, stock_worker(bench) as stock:
        agent = await bench.deployed("calls")
        await stock.registered()
        watched = {
            _OURS: bench.pids[Service.RUNTIME],
            STOCK_NAME: stock.pid,
            Service.LIVEKIT: bench.pids[Service.LIVEKIT],
        }
        await bench.settle(stock.pid)
        tell("both sides at rest")
        idle_cpu = await mcores(watched, scale.watch_seconds / 4)
        async with AsyncExitStack() as calls:
            live = {
                side: [
                    await calls.enter_async_context(_talk(bench, name, speech)) for _ in range(scale.talking)
                ]
                for side, name in ((STOCK_NAME, STOCK_NAME), (_OURS, agent.slug))
            }
            if not all(live[_OURS]):
                raise StackError("One of our agents did not answer a call")
            await asyncio.sleep(_WARM_SECONDS)
            tell(f"{scale.talking} callers talk to each side")
            cpu = await mcores(watched, scale.watch_seconds)
        memory = {}
        for side, name in ((_OURS, agent.slug), (STOCK_NAME, STOCK_NAME)):
            await bench.settle(stock.pid, seconds=_SETTLE_SECONDS)
            tell(f"{scale.in_memory} calls of one side: {side}")
            memory[side] = await _memory(bench, watched[side], [name] * scale.in_memory, speech)
    count = {side: sum(answered) for side, answered in live.items()}
    share = {side: (cpu[side] - idle_cpu[side]) / many for side, many in count.items() if many}
    livekit = (cpu[Service.LIVEKIT] - idle_cpu[Service.LIVEKIT]) / sum(count.values())
    note = f"on a busy machine stock answered {count[STOCK_NAME]}" if not all(live[STOCK_NAME]) else ""
    calls_are = f"a question every {_EVERY_SECONDS:g} s, offline providers"
    each = f"memory per live call of {scale.in_memory}, {calls_are}"
    return [
        _result(
            f"CPU per live call of {scale.talking}, {calls_are}",
            "mcore",
            share[_OURS],
            share.get(STOCK_NAME),
            note=note,
        ),
        _result(each, "MB", memory[_OURS], memory[STOCK_NAME], _MEMORY_GOAL),
        _result("… CPU of LiveKit per call of either", "mcore", livekit),
    ]


async def _memory(bench: Bench, pid: int, names: list[str], speech: list[bytes]) -> float:
    """MB by which a side has grown while these agents talk, for each call; what they share counts once."""
    idle = pss(pid)
    async with AsyncExitStack() as calls:
        live = [await calls.enter_async_context(_talk(bench, name, speech)) for name in names]
        answered = sum(live)
        if answered < len(live) and names[0] != STOCK_NAME:
            raise StackError(f"{names[0]} answered {answered} of {len(live)} calls")
        await asyncio.sleep(_WARM_SECONDS)
        return (pss(pid) - idle) / max(answered, 1)


def _result(
    name: str, unit: Unit, ours: float, stock: float | None = None, goal: Goal | None = None, note: str = ""
) -> Result:
    series = None if stock is None else Series((stock,))
    return Result(name, unit, Series((ours,)), series, goal, better="less", note=note)


@asynccontextmanager
async def _talk(bench: Bench, name: str, speech: list[bytes]) -> AsyncIterator[bool]:
    """A call in which the caller asks again and again until the end of the block; False without an agent."""
    async with waiting_caller(bench) as caller:
        reached, _ = await caller.insists(name)
        if not reached:
            yield False
            return
        async with microphone(caller.room, again(speech, _EVERY_SECONDS)):
            yield True
