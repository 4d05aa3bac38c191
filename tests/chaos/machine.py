"""Everything happens in any order, and what must hold is checked after each step."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, Phase, Verbosity, assume, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    MultipleResults,
    initialize,
    invariant,
    multiple,
    run_state_machine_as_test,
)

from tests.chaos.base import AGENTS
from tests.chaos.callers import Callers
from tests.chaos.hosts import Hosts
from tests.chaos.people import People
from tests.chaos.run import Run, Tell
from tests.chaos.services import Services
from tests.chaos.subjects import Subject
from tests.chaos.world import World


class Machine(People, Callers, Services, Hosts):
    """All rules together."""

    @initialize(target=AGENTS, number=st.integers(0, 2**32), stays=st.booleans())
    def begin(self, number: int, stays: bool) -> MultipleResults[Subject]:
        """Two agents, one of them behind the proxy, and every other time a caller who stays."""
        # Hypothesis tries the simplest of all runs first: the same step again and again.
        assume(number != 0)
        self._begun = True
        direct, proxied = self._new_agent(1, behind_proxy=False), self._new_agent(2, behind_proxy=True)
        if stays:
            self._look()
            self.a_caller_stays(direct)
        return multiple(direct, proxied)

    @invariant()
    def all_is_well(self) -> None:
        """After every step, as far as it can be by then."""
        self._look()

    def _look(self, *, last: bool = False) -> None:
        if not self._begun:
            return
        try:
            self._run.do(self._invariants.check(self._wishes, last=last))
        except BaseException as error:
            self._run.failure = error
            raise

    def teardown(self) -> None:
        """Nothing is wrong any more: everything comes right, and after a stop nothing is left."""
        if not self._begun or self._run.failure is not None:
            self._run.do(self._world.heal())
            return
        self._harm("heal everything", self._world.heal())
        self._look()
        for agent in self._wishes.subjects:
            if self._run.do(self._invariants.on_trial(agent)):
                self._step(f"roll {agent} back, for it is on trial", self._wishes.rollback(agent))
        self._look(last=True)
        for agent in self._wishes.subjects:
            self._step(f"stop {agent} at once", self._wishes.stop(agent, drain=False))
        self._look(last=True)
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
