"""What people do with agents."""

from __future__ import annotations

import asyncio

from hypothesis import strategies as st
from hypothesis.stateful import consumes, precondition, rule

from tests.chaos.base import AGENTS, SERVICES, Base
from tests.chaos.subjects import Subject

MAX_AGENTS = 3


class People(Base):
    """They create, deploy, scale, roll back, stop, retry and delete."""

    def _new_agent(self, replicas: int, *, behind_proxy: bool) -> Subject:
        agent = self._run.do(self._wishes.create(behind_proxy=behind_proxy))
        way = "by the proxy" if behind_proxy else "directly"
        text = f"create {agent}, which reaches LiveKit {way}, and deploy {replicas} of it"
        self._step(text, self._wishes.deploy(agent, replicas))
        return agent

    @precondition(lambda self: self._begun and len(self._wishes.subjects) < MAX_AGENTS)
    @rule(target=AGENTS, replicas=st.integers(1, 2), behind_proxy=st.booleans())
    def create_and_deploy(self, replicas: int, behind_proxy: bool) -> Subject:
        """A new agent."""
        return self._new_agent(replicas, behind_proxy=behind_proxy)

    @rule(agent=AGENTS, replicas=st.sampled_from([None, 1, 2, 3]))
    def deploy_a_new_version(self, agent: Subject, replicas: int | None) -> None:
        """The ordinary thing."""

        async def work() -> str:
            await self._wishes.edit(agent)
            return await self._wishes.deploy(agent, replicas)

        number = f", {replicas} of it" if replicas else ""
        self._step(f"deploy a new version of {agent}{number}", work())

    @rule(agent=AGENTS, replicas=st.integers(1, 3))
    def scale(self, agent: Subject, replicas: int) -> None:
        """The same version, more or less of it."""
        self._step(f"scale {agent} to {replicas}", self._wishes.deploy(agent, replicas))

    @rule(agent=AGENTS)
    def deploy_during_a_rollout(self, agent: Subject) -> None:
        """Three versions without a pause."""

        async def work() -> str:
            said = []
            for _ in range(3):
                await self._wishes.edit(agent)
                said.append(await self._wishes.deploy(agent))
            return ", ".join(said)

        self._step(f"deploy three versions of {agent} at once", work())

    @rule(agent=AGENTS, drain=st.booleans())
    def stop(self, agent: Subject, drain: bool) -> None:
        """Callers gone: a drain would wait for them."""

        async def work() -> str:
            await self._world.hang_up()
            return await self._wishes.stop(agent, drain=drain)

        self._step(f"stop {agent}" + (" in peace" if drain else " at once"), work())

    @rule(agent=AGENTS)
    def retry(self, agent: Subject) -> None:
        """Refused where nothing failed."""
        self._step(f"retry {agent}", self._wishes.retry(agent))

    @rule(agent=AGENTS)
    def rollback(self, agent: Subject) -> None:
        """Refused where there is nothing to go back to. It ends a trial."""
        self._step(f"roll {agent} back", self._wishes.rollback(agent))

    @precondition(lambda self: len(self._wishes.subjects) > 1)
    @rule(agent=consumes(AGENTS), service=st.none() | st.sampled_from(SERVICES))
    def delete(self, agent: Subject, service: str | None) -> None:
        """Whatever is killed meanwhile."""

        async def work() -> str:
            await self._world.hang_up()
            if service:
                await self._world.kill(service)
            return await self._wishes.delete(agent)

        if service:
            self._harm(f"kill {service} and delete {agent} meanwhile", work())
        else:
            self._step(f"delete {agent}", work())

    @precondition(lambda self: len(self._wishes.subjects) > 1)
    @rule(agent=consumes(AGENTS), seconds=st.integers(1, 8))
    def delete_what_is_stopped(self, agent: Subject, seconds: int) -> None:
        """Temporal hangs when it shall hear of it."""

        async def work() -> str:
            await self._world.hang_up()
            await self._wishes.take_down(agent)
            gone, _ = await asyncio.gather(self._wishes.delete(agent), self._world.hang("temporal", seconds))
            return gone

        self._harm(f"stop {agent} and delete it while Temporal hangs for {seconds} s", work())

    @rule(agent=AGENTS)
    def delete_what_runs(self, agent: Subject) -> None:
        """Refused, and that changes nothing."""
        if agent.wish == "running" and agent.steady:
            self._step(f"delete {agent}, which runs", self._refused(agent))

    async def _refused(self, agent: Subject) -> str:
        if not await self._invariants.is_live(agent):
            return "it is not live"
        return await self._wishes.refuses_to_delete(agent)
