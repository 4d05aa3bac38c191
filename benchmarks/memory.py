"""What an idle agent costs, against an idle stock worker."""

from __future__ import annotations

from benchmarks.bench import open_bench
from benchmarks.measure import Goal, Result, Series
from benchmarks.processes import pss
from benchmarks.scale import Scale, Tell
from benchmarks.stock import stock_worker
from stack.config import Service

_GOAL = Goal(at_most=0.5, better_by=500)


async def measure(scale: Scale, tell: Tell) -> list[Result]:
    """The host with no agent and with many; then a stock worker beside it.

    Measured beside ours, stock shares the pages of common libraries with it, which makes it look smaller.
    """
    async with open_bench() as bench:
        agents = await bench.create_many("memory", scale.agents)
        await bench.settle()
        empty = {name: pss(pid) for name, pid in bench.pids.items()}
        tell(f"{scale.agents} agents are deployed")
        await bench.deploy_gently(agents)
        await bench.settle(seconds=40)
        full = {name: pss(pid) for name, pid in bench.pids.items()}
        tell("a stock worker starts")
        async with stock_worker(bench) as stock:
            await stock.registered()
            await bench.settle(stock.pid, seconds=30)
            stock_series = Series((pss(stock.pid),))
    host = full[Service.RUNTIME]
    each = (host - empty[Service.RUNTIME]) / scale.agents
    everything = (sum(full.values()) - sum(empty.values())) / scale.agents
    name = f"at {scale.agents} agents"

    def result(what: str, value: float, goal: Goal | None = None) -> Result:
        return Result(what, "MB", Series((value,)), stock_series, goal, better="less")

    return [
        result(f"memory per idle agent, {name}", each, _GOAL),
        result(f"… with its share of the host itself ({host:.0f} MB in all)", host / scale.agents),
        result("… with what it adds to every server of the stack", everything),
    ]
