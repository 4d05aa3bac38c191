"""The rules by which everything happens in any order, and what is checked after each."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, assume, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.chaos.invariants import Invariants
from tests.chaos.run import Run, Tell
from tests.chaos.subjects import Subject, Wishes
from tests.chaos.world import GUEST, OWN, World
from workflows.policy import HEARTBEAT_TIMEOUT

MAX_AGENTS = 3
LONG = HEARTBEAT_TIMEOUT.total_seconds() + 4
"""Seconds after which a frozen host is taken for lost."""

SERVICES = ("api", "control", "temporal", "livekit", "postgres", "runtime")


class Machine(RuleBasedStateMachine):
    """A platform to which things happen. Preconditions know only what was done, never what came of it."""

    agents: Bundle[Subject] = Bundle("agents")

    def __init__(self, run: Run) -> None:
        super().__init__()
        if run.failure is not None:
            raise run.failure  # what Hypothesis tries again would not come out the same
        self._run, self._world = run, run.world
        self._wishes = Wishes(run.world)
        self._invariants = Invariants(run.world, run.note)
        self._begun = False

    def _step(self, text: str, work: Coroutine[Any, Any, object]) -> None:
        self._run.note(text)
        try:
            said = self._run.do(work)
        except BaseException as error:
            self._run.failure = error
            raise
        if said is not None:
            self._run.note(f"  → {said}")

    def _harm(self, text: str, work: Coroutine[Any, Any, object]) -> None:
        self._wishes.disturb()
        self._step(text, work)

    @initialize(target=agents, number=st.integers(0, 2**32))
    def begin(self, number: int) -> MultipleResults[Subject]:
        """Two agents, one of them behind the proxy."""
        # Hypothesis tries the simplest of all runs first: the same step again and again.
        assume(number != 0)
        self._begun = True
        return multiple(self._new_agent(1, behind_proxy=False), self._new_agent(2, behind_proxy=True))

    def _new_agent(self, replicas: int, *, behind_proxy: bool) -> Subject:
        agent = self._run.do(self._wishes.create(behind_proxy=behind_proxy))
        way = "by the proxy" if behind_proxy else "directly"
        text = f"create {agent}, which reaches LiveKit {way}, and deploy {replicas} of it"
        self._step(text, self._wishes.deploy(agent, replicas))
        return agent

    # -- what people do ----------------------------------------------------------------------------

    @precondition(lambda self: self._begun and len(self._wishes.subjects) < MAX_AGENTS)
    @rule(target=agents, replicas=st.integers(1, 2), behind_proxy=st.booleans())
    def create_and_deploy(self, replicas: int, behind_proxy: bool) -> Subject:
        """A new agent."""
        return self._new_agent(replicas, behind_proxy=behind_proxy)

    @rule(agent=agents, replicas=st.sampled_from([None, 1, 2, 3]))
    def deploy_a_new_version(self, agent: Subject, replicas: int | None) -> None:
        """The ordinary thing."""

        async def work() -> str:
            await self._wishes.edit(agent)
            return await self._wishes.deploy(agent, replicas)

        number = f", {replicas} of it" if replicas else ""
        self._step(f"deploy a new version of {agent}{number}", work())

    @rule(agent=agents, replicas=st.integers(1, 3))
    def scale(self, agent: Subject, replicas: int) -> None:
        """The same version, more or less of it."""
        self._step(f"scale {agent} to {replicas}", self._wishes.deploy(agent, replicas))

    @rule(agent=agents)
    def deploy_during_a_rollout(self, agent: Subject) -> None:
        """Three versions without a pause."""

        async def work() -> str:
            said = []
            for _ in range(3):
                await self._wishes.edit(agent)
                said.append(await self._wishes.deploy(agent))
            return ", ".join(said)

        self._step(f"deploy three versions of {agent} at once", work())

    @rule(agent=agents, drain=st.booleans())
    def stop(self, agent: Subject, drain: bool) -> None:
        """Callers gone: a drain would wait for them."""

        async def work() -> str:
            await self._world.hang_up()
            return await self._wishes.stop(agent, drain=drain)

        self._step(f"stop {agent}" + (" in peace" if drain else " at once"), work())

    @rule(agent=agents)
    def retry(self, agent: Subject) -> None:
        """Refused where nothing failed."""
        self._step(f"retry {agent}", self._wishes.retry(agent))

    @rule(agent=agents)
    def rollback(self, agent: Subject) -> None:
        """Refused where there is nothing to go back to."""
        self._step(f"roll {agent} back", self._wishes.rollback(agent))

    # -- what happens to services and hosts --------------------------------------------------------

    @precondition(lambda self: OWN not in self._world.frozen)
    @rule(service=st.sampled_from(SERVICES))
    def kill(self, service: str) -> None:
        """SIGKILL, and nobody waits."""
        self._harm(f"kill {service}", self._world.kill(service))

    @precondition(lambda self: OWN not in self._world.frozen)
    @rule(agent=agents, service=st.sampled_from(SERVICES))
    def kill_and_deploy(self, agent: Subject, service: str) -> None:
        """A wish while something is dead or just being started."""

        async def work() -> str:
            await self._wishes.edit(agent)
            await self._world.kill(service)
            said = await self._wishes.deploy(agent)
            agent.disturb()
            return said

        self._harm(f"kill {service} and deploy {agent} meanwhile", work())

    @rule(service=st.sampled_from(["temporal", "livekit", "postgres", "control"]), seconds=st.integers(1, 8))
    def hang(self, service: str, seconds: int) -> None:
        """SIGSTOP and SIGCONT."""
        self._harm(f"{service} hangs for {seconds} s", self._world.hang(service, seconds))

    @precondition(lambda self: self._world.guest is None)
    @rule()
    def guest_comes(self) -> None:
        """A second host."""
        self._step("a second host comes", self._world.guest_comes())

    @precondition(lambda self: self._world.guest is not None and GUEST not in self._world.frozen)
    @rule(number=st.sampled_from([signal.SIGTERM, signal.SIGKILL]))
    def guest_ends(self, number: signal.Signals) -> None:
        """In order, or not."""
        self._harm(f"the second host gets {number.name}", self._world.guest_ends(number))

    @precondition(lambda self: OWN in self._world.hosts)
    @rule(long=st.booleans())
    def freeze_own_host(self, long: bool) -> None:
        """SIGSTOP, until it is woken; soon, or not before it is missed."""
        self._harm("freeze the host" + " for long" * long, self._world.freeze(OWN, LONG * long))

    @precondition(lambda self: GUEST in self._world.hosts)
    @rule(long=st.booleans())
    def freeze_guest(self, long: bool) -> None:
        """The same."""
        self._harm("freeze the second host" + " for long" * long, self._world.freeze(GUEST, LONG * long))

    @precondition(lambda self: bool(self._world.frozen))
    @rule()
    def wake(self) -> None:
        """SIGCONT to all."""
        self._harm("wake what is frozen", self._world.wake())

    @precondition(lambda self: not self._world.cut)
    @rule(swallow=st.booleans())
    def cut_livekit(self, swallow: bool) -> None:
        """For those behind the proxy."""
        how = "swallow" if swallow else "cut"
        self._harm(f"{how} LiveKit at the proxy", self._world.cut_livekit(swallow=swallow))

    @precondition(lambda self: self._world.cut)
    @rule()
    def mend_livekit(self) -> None:
        """All goes through again."""
        self._harm("mend LiveKit at the proxy", self._world.mend_livekit())

    # -- callers -----------------------------------------------------------------------------------

    @rule(agent=agents)
    def a_caller_joins(self, agent: Subject) -> None:
        """Whoever comes to an agent that should run is answered."""
        if agent.wish == "running" and self._world.calm:
            self._step(f"a caller joins {agent}", self._answered(agent))

    async def _answered(self, agent: Subject) -> str:
        if not await self._invariants.is_live(agent):
            return "it is not live"
        await self._invariants.is_answered(agent)
        return "answered"

    @rule(agent=agents)
    def a_caller_stays(self, agent: Subject) -> None:
        """Until somebody hangs up, nothing that others do may end the call."""
        if agent.wish == "running" and self._world.calm and self._world.call is None:
            self._step(f"a caller of {agent} stays", self._stays(agent))

    async def _stays(self, agent: Subject) -> str:
        if not await self._invariants.is_live(agent):
            return "it is not live"
        await self._world.keep_call(await self._world.platform.token(agent.slug))
        return "answered"

    # -- what must hold ----------------------------------------------------------------------------

    @invariant()
    def all_is_well(self) -> None:
        """After every step, as far as it can be by then."""
        if not self._begun:
            return
        try:
            self._run.do(self._invariants.check(self._wishes.subjects))
        except BaseException as error:
            self._run.failure = error
            raise

    def teardown(self) -> None:
        """Nothing is wrong any more: everything comes right, and after a stop nothing is left."""
        if not self._begun or self._run.failure is not None:
            self._run.do(self._world.heal())
            return
        self._harm("heal everything", self._world.heal())
        self.all_is_well()
        for agent in self._wishes.subjects:
            self._step(f"stop {agent} at once", self._wishes.stop(agent, drain=False))
        self.all_is_well()
        self._run.note("nothing is left")


async def run_machine(world: World, number: int, steps: int, tell: Tell) -> None:
    """One run of `steps` steps, chosen by the seed `number`. Raises `AssertionError` with what led to it."""
    tell(f"seed {number}, {steps} steps")
    run = Run(world, asyncio.get_running_loop(), tell)

    @seed(number)
    class Seeded(Machine):
        def __init__(self) -> None:
            super().__init__(run)

    options = settings(
        max_examples=1,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # to shrink would take hours
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
    )
    try:
        await asyncio.to_thread(run_state_machine_as_test, Seeded, settings=options, _min_steps=steps)
    except BaseException as error:
        if run.failure is None:
            raise
        story = "\n".join(run.steps)
        again = f"make chaos ARGS='--seed {number} --steps {steps}'"
        raise AssertionError(f"{run.failure}\n{story}\nOnce more: {again}") from (run.failure or error)
