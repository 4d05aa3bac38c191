"""Callers, and versions on trial that get a share of them."""

from __future__ import annotations

import asyncio
import random

import jwt
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.chaos.base import AGENTS, SERVICES, Base
from tests.chaos.subjects import Plan, Subject
from tests.chaos.world import OWN
from tests.support.caller import calling
from tests.support.jobs import jobs_of
from tests.support.platform import Json
from tests.support.waiting import eventually

PLANS: dict[str, Plan] = {
    "that stays": ((50, 60),),
    "that grows and stays": ((20, 0.03), (50, 60)),
    "that passes": ((20, 0.03), (50, 0.03)),
}
"""Of some seconds or of an hour."""

HALF: Plan = ((50, 60),)

MOST_TOKENS = 60
"""Tokens until both versions were drawn: at 20 % one run in 650,000 gets by with one."""

JUDGED_SECONDS = 30.0
ENOUGH = 2
"""Crashes after which a version on trial is rolled back."""


class Callers(Base):
    """They come while anything happens."""

    @rule(agent=AGENTS)
    def a_caller_joins(self, agent: Subject) -> None:
        """Whoever comes to an agent that should run is answered."""
        if agent.wish == "running" and self._world.calm:
            self._step(f"a caller joins {agent}", self._answered(agent))

    async def _answered(self, agent: Subject) -> str:
        if not await self._invariants.is_live(agent):
            return "it is not live"
        await self._invariants.is_answered(agent)
        return "answered"

    @rule(agent=AGENTS)
    def a_caller_stays(self, agent: Subject) -> None:
        """Until somebody hangs up, nothing that others do may end the call."""
        if agent.wish == "running" and self._world.calm and self._world.call is None:
            self._step(f"a caller of {agent} stays", self._stays(agent))

    async def _stays(self, agent: Subject) -> str:
        if not await self._invariants.is_live(agent):
            return "it is not live"
        token = await self._world.platform.token(agent.slug)
        breaks = agent.breaks
        await self._world.keep_call(token, lambda: agent.breaks == breaks)
        return "answered"

    # -- trials ------------------------------------------------------------------------------------

    @rule(agent=AGENTS, plan=st.sampled_from(sorted(PLANS)))
    def try_out(self, agent: Subject, plan: str) -> None:
        """A new version gets a share of the calls."""
        self._step(f"try a new version of {agent} out, on a trial {plan}", self._tried(agent, PLANS[plan]))

    async def _tried(self, agent: Subject, plan: Plan, service: str | None = None) -> str:
        edited = await self._wishes.edit(agent)
        if service:
            await self._world.kill(service)
        said = await self._wishes.try_out(agent, plan, edited=edited)
        if service:
            agent.disturb()
        return said

    @precondition(lambda self: OWN not in self._world.frozen)
    @rule(agent=AGENTS, plan=st.sampled_from(sorted(PLANS)), service=st.sampled_from(SERVICES))
    def kill_and_try_out(self, agent: Subject, plan: str, service: str) -> None:
        """The same, while something is dead or just being started."""
        text = f"kill {service} and try a new version of {agent} out meanwhile, on a trial {plan}"
        self._harm(text, self._tried(agent, PLANS[plan], service))

    @rule(agent=AGENTS)
    def draw_lots(self, agent: Subject) -> None:
        """Tokens are for the live version and the one on trial, and for no other."""
        if agent.wish == "running" and agent.trial and self._world.calm:
            self._step(f"ask for tokens of {agent}", self._drawn(agent))

    async def _drawn(self, agent: Subject) -> str:
        before = await self._world.platform.agent(agent.id)
        if before["canary"] is None:
            return "nothing is on trial"
        both = {before["liveVersion"], before["canary"]["version"]}
        drawn: set[int] = set()
        for _ in range(MOST_TOKENS):
            drawn.add(_version(await self._token(agent)))
            if drawn == both:
                break
        assert drawn <= both, f"tokens for versions {drawn}, where {both} take calls"
        after = await self._world.platform.agent(agent.id)
        assert drawn == both or after["canary"] != before["canary"], f"of {both} only {drawn} was drawn"
        return f"versions {sorted(drawn)}"

    async def _token(self, agent: Subject) -> Json:
        return await self._world.platform.token(agent.slug, client=f"198.18.0.{random.randrange(256)}")

    @precondition(lambda self: self._world.calm)
    @rule(agent=AGENTS)
    def try_out_what_crashes(self, agent: Subject) -> None:
        """Calls of the version on trial are lost: it goes by itself, and the live one stays."""
        if agent.wish == "running" and agent.settled:
            self._step(f"try a version of {agent} out whose calls crash", self._found_out(agent))

    async def _found_out(self, agent: Subject) -> str:
        await self._world.hang_up()
        if not await self._invariants.is_live(agent):
            return "it is not live"
        said = await self._tried(agent, HALF)
        assert said.startswith("202"), said
        share = await eventually(lambda: self._invariants.on_trial(agent), "a trial", seconds=JUDGED_SECONDS)
        crashed = 0
        while crashed < ENOUGH:
            token = await self._token(agent)
            if _version(token) == share["version"]:
                crashed += await self._crashes(token)
        path = f"/api/deployments/{share['deploymentId']}"

        async def judged() -> Json | None:
            found: Json = await self._world.platform.call("GET", path)
            return found if found["status"] == "failed" else None

        found = await eventually(judged, "rolled back", seconds=JUDGED_SECONDS)
        assert found["reason"].startswith("Rolled back from 50 % of new calls."), found["reason"]
        agent.may_fail = True
        return f"{said}; {found['reason']}"

    async def _crashes(self, token: Json) -> int:
        """A caller whose agent is killed."""
        async with calling(token["url"], token["token"]) as caller:
            await caller.agent()
            jobs = await asyncio.to_thread(jobs_of, self._world.host_pids, self._world.livekit_ports)
            for job in jobs:
                job.kill()
        return 1


def _version(token: Json) -> int:
    claims = jwt.decode(token["token"], options={"verify_signature": False})
    name: str = claims["roomConfig"]["agents"][0]["agentName"]
    return int(name.rpartition("@v")[2])
