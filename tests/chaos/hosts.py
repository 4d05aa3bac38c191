"""What happens to hosts, and what operators want of them."""

from __future__ import annotations

import asyncio
import signal

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.chaos.base import AGENTS, Base
from tests.chaos.subjects import Subject
from tests.chaos.world import GUEST, OWN
from workflows.policy import HEARTBEAT_TIMEOUT

LONG = HEARTBEAT_TIMEOUT.total_seconds() + 4
"""Seconds after which a frozen host is taken for lost."""

SHAKEN = ("api", "control", "temporal", "postgres", "runtime")
"""What an order, and a host that heeds it, has to do with."""


class Hosts(Base):
    """They come and go, freeze and wake, and are cordoned and drained."""

    @precondition(lambda self: self._world.guest is None)
    @rule(again=st.booleans())
    def guest_comes(self, again: bool) -> None:
        """A second host: another one, or the last one again."""
        text = "the second host comes back" if again else "a second host comes"
        self._step(text, self._world.guest_comes(again=again))

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

    # -- operators ---------------------------------------------------------------------------------

    @rule(second=st.booleans(), verb=st.sampled_from(["cordon", "drain", "uncordon"]))
    def order(self, second: bool, verb: str) -> None:
        """A host that is frozen heeds it when it wakes. Refused where agents would have nowhere to go."""
        host = self._host(second=second)
        if verb == "drain":
            self._wishes.disturb()
        self._wishes.unsettle()
        self._step(f"{verb} the {host} host", self._operators.order(host, verb))

    @precondition(lambda self: OWN not in self._world.frozen)
    @rule(
        second=st.booleans(),
        verb=st.sampled_from(["cordon", "drain", "uncordon"]),
        service=st.sampled_from(SHAKEN),
    )
    def kill_and_order(self, second: bool, verb: str, service: str) -> None:
        """An order while something is dead or just being started."""
        host = self._host(second=second)
        text = f"kill {service} and {verb} the {host} host meanwhile"
        self._harm(text, self._operators.order(host, verb, meanwhile=service))

    @precondition(lambda self: not all(each == "open" for each in self._world.standing.values()))
    @rule()
    def uncordon(self) -> None:
        """All that are there."""

        async def work() -> str:
            return ", ".join([await self._operators.order(each, "uncordon") for each in self._hosts()])

        self._wishes.unsettle()
        self._step("uncordon every host", work())

    @precondition(lambda self: len(self._world.takers) > 1 and self._world.calm)
    @rule(agent=AGENTS, second=st.booleans())
    def drain_while_somebody_joins(self, agent: Subject, second: bool) -> None:
        """Another host has the agent first, so that nobody is left alone."""

        async def work() -> str:
            said, _ = await asyncio.gather(self._operators.order(host, "drain"), self._somebody_joins(agent))
            return said

        host = self._host(second=second)
        self._wishes.disturb()
        self._step(f"drain the {host} host while a caller joins {agent}", work())

    async def _somebody_joins(self, agent: Subject) -> None:
        if agent.wish == "running" and agent.settled and await self._invariants.is_live(agent):
            await self._invariants.is_answered(agent)

    def _hosts(self) -> list[str]:
        return [OWN, GUEST] if self._world.guest else [OWN]

    def _host(self, *, second: bool) -> str:
        return self._hosts()[-1] if second else OWN
