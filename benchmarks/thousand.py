"""A thousand agents on one host: how long until they are there, and what they cost at rest."""

from __future__ import annotations

from benchmarks.bench import open_bench
from benchmarks.burst import deploy_at_once
from benchmarks.measure import TIMES, Goal, Result, Series, Unit, amount
from benchmarks.processes import mcores, pss
from benchmarks.scale import Scale, Tell
from benchmarks.stock import stock_worker
from stack.config import Service, StackError

_IDLE = Goal(at_most=0.3)
_STOCK = "stock"
_PATIENCE_SECONDS = 180.0


async def measure(scale: Scale, tell: Tell) -> list[Result]:
    """Stock is one worker beside it; a thousand of them are one times a thousand, not measured."""
    async with open_bench() as bench:
        tell(f"{scale.many} drafts are made")
        agents = await bench.create_many("many", scale.many)
        await bench.settle()
        tell(f"{scale.many} agents are deployed at once")
        burst = await deploy_at_once(bench, agents, _PATIENCE_SECONDS)
        if burst.problems:
            raise StackError(f"{len(burst.problems)} of them did not come; the first: {burst.problems[0]}")
        await bench.settle(seconds=60)
        tell("a stock worker starts")
        async with stock_worker(bench) as stock:
            await stock.registered()
            await bench.settle(stock.pid, seconds=60)
            tell(f"{scale.many} agents and a stock worker at rest")
            cpu = await mcores({**bench.pids, _STOCK: stock.pid}, scale.idle_seconds)
            memory = {name: pss(pid) for name, pid in {**bench.pids, _STOCK: stock.pid}.items()}
    stock_cpu, stock_memory = cpu.pop(_STOCK), memory.pop(_STOCK)
    many = f"{scale.many} agents"
    thousand = f"(stock: one worker {TIMES} {scale.many})"
    registered = Series((burst.all_registered,))
    return [
        Result(
            f"{many} on one host, deployed at once → all registered",
            "s",
            registered,
            note=f"{burst.refusals} requests were told to come again, and came" if burst.refusals else "",
        ),
        Result(
            f"CPU of the host with {many} at rest, per agent",
            "mcore",
            Series((cpu[Service.RUNTIME] / scale.many,)),
            Series((stock_cpu,)),
            _IDLE,
            better="less",
        ),
        _all_told(
            f"CPU of all servers at rest with {many} {thousand}", cpu, stock_cpu * scale.many, cpu=True
        ),
        Result(
            f"memory of the host with {many}, per agent",
            "MB",
            Series((memory[Service.RUNTIME] / scale.many,)),
            Series((stock_memory,)),
            better="less",
        ),
        _all_told(
            f"memory of all servers with {many} {thousand}", memory, stock_memory * scale.many, cpu=False
        ),
    ]


def _all_told(name: str, by_server: dict[str, float], stock: float, *, cpu: bool) -> Result:
    """The sum, with each server's part as a note."""
    unit: Unit = "mcore" if cpu else "MB"
    parts = ", ".join(f"{server} {amount(value, unit)}" for server, value in by_server.items())
    total = Series((sum(by_server.values()),))
    return Result(name, unit, total, Series((stock,)), better="less", note=parts)
