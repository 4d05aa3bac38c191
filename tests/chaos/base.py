"""What all rules have in common."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from hypothesis.stateful import Bundle, RuleBasedStateMachine

from tests.chaos.invariants import Invariants
from tests.chaos.run import Run
from tests.chaos.standings import Operators
from tests.chaos.subjects import Subject
from tests.chaos.wishes import Wishes

AGENTS: Bundle[Subject] = Bundle("agents")

SERVICES = ("api", "control", "temporal", "livekit", "postgres", "runtime")


class Base(RuleBasedStateMachine):
    """A platform to which things happen. Preconditions know only what was done, never what came of it."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        if run.failure is not None:
            raise run.failure  # what Hypothesis tries again would not come out the same
        self._run, self._world = run, run.world
        self._wishes = Wishes(run.world)
        self._operators = Operators(run.world)
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
