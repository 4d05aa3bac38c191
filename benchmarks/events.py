"""What Temporal has to write: history events of a deploy, of rest, of a host's end."""

from __future__ import annotations

import asyncio
import signal
import time

from temporalio.client import Client

from benchmarks.bench import Agent, Bench, open_bench
from benchmarks.histories import Histories, of_agents
from benchmarks.measure import Goal, Result, Series
from benchmarks.scale import Scale, Tell
from stack.config import Service

_NONE = Goal(at_most=0)
_REGISTERED_SECONDS = 30.0


async def measure(scale: Scale, tell: Tell) -> list[Result]:
    """One stack: deploy, deploy again, rest, kill the host; after each the histories are read."""
    async with open_bench() as bench:
        client = await Client.connect(bench.stack.temporal_address)
        agents = await bench.create_many("events", scale.tenants)
        await bench.settle()
        look = _Look(client, agents, await Histories.read(client))
        tell(f"{scale.tenants} agents are deployed")
        await bench.deploy_gently(agents)
        await bench.settle()
        deploy, _ = await look.again()
        tell("a second version of each is deployed")
        for agent in agents:
            await _redeploy(bench, agent)
        await asyncio.gather(*(bench.replaced(agent) for agent in agents))
        await bench.settle()
        redeploy, _ = await look.again()
        tell(f"nothing is done for {scale.still_seconds:g} s")
        await asyncio.sleep(scale.still_seconds)
        still, others = await look.again()
        tell("the host is killed")
        await _kill_host(bench, agents)
        restart, host = await look.again()
    day = Series((deploy.median + restart.median,))
    seconds = f"{scale.still_seconds:g} s"
    return [
        Result("Temporal history events of a deploy", "events", deploy),
        Result("… of a redeploy, the old version's end included", "events", redeploy),
        Result(f"… that an agent at rest adds in {seconds}", "events", still, goal=_NONE),
        Result(
            f"… that host and schedules add in {seconds}, whatever the number of agents", "events", others
        ),
        Result("… of a host's death and restart, per agent", "events", restart),
        Result("… of a host's death and restart, for itself", "events", host),
        Result("… of an agent-day with one deploy and one restart of its host", "events", day),
    ]


class _Look:
    """Looks at the histories again and again."""

    def __init__(self, client: Client, agents: list[Agent], last: Histories) -> None:
        self._client, self._agents, self._last = client, agents, last

    async def again(self) -> tuple[Series, Series]:
        """Events since the last look: of each agent, and of all that belongs to none."""
        now = await Histories.read(self._client)
        grown = now.grown(self._last)
        self._last = now
        ours = of_agents(grown, [agent.id for agent in self._agents])
        rest = sum(grown.values()) - sum(ours.values())
        return Series(tuple(ours.values())), Series((rest,))


async def _redeploy(bench: Bench, agent: Agent) -> None:
    await bench.change(agent, "You answer questions about orders, briefly.")
    accepted = await bench.deploy(agent)
    names = [agent.version(2)]
    await bench.registrations.wait(names, after=accepted.sent, seconds=_REGISTERED_SECONDS)


async def _kill_host(bench: Bench, agents: list[Agent]) -> None:
    began = time.time()
    bench.stack.kill(Service.RUNTIME, signal.SIGKILL)
    names = [name for agent in agents for name in (agent.version(2), agent.slug)]
    await bench.registrations.wait(names, after=began, seconds=_REGISTERED_SECONDS)
    await bench.settle()
