"""What happens to services, and to the way to LiveKit."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.chaos.base import AGENTS, SERVICES, Base
from tests.chaos.subjects import Subject
from tests.chaos.world import OWN


class Services(Base):
    """They are killed, hang, and are cut off."""

    @precondition(lambda self: OWN not in self._world.frozen)
    @rule(service=st.sampled_from(SERVICES))
    def kill(self, service: str) -> None:
        """SIGKILL, and nobody waits."""
        self._harm(f"kill {service}", self._world.kill(service))

    @precondition(lambda self: OWN not in self._world.frozen)
    @rule(agent=AGENTS, service=st.sampled_from(SERVICES))
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
