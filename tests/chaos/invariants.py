"""What holds of agents, whatever happens."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import WorkflowExecutionStatus

from tests.chaos.looks import Looks, expect
from tests.chaos.standings import Standings
from tests.chaos.subjects import Subject
from tests.chaos.wishes import Wishes
from tests.chaos.world import World
from tests.support.jobs import all_jobs
from tests.support.outages import finds_an_agent
from tests.support.platform import Json
from workflows.policy import agent_workflow_id

TRUE_SECONDS = 20.0
"""How long `running` may be said of an agent that is not registered: a host may be silent for twelve."""

LEFT_ALONE_SECONDS = 10.0
STARTED = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED


class Invariants:
    """Looks at the platform from all sides: the API, Temporal and LiveKit itself."""

    def __init__(self, world: World, tell: Callable[[str], None]) -> None:
        self.world = world
        self._looks = Looks(world, tell)
        self._standings = Standings(world, self._looks)

    async def check(self, wishes: Wishes, *, last: bool = False) -> None:
        """All that can be said now. At the `last` look, nothing is on its way out any more."""
        look = self._looks.until_well
        await self.world.all_up()
        await self._standings.check()
        for subject in wishes.subjects:
            await look(lambda each=subject: self._nothing_is_lost(each), "all acknowledged")  # type: ignore[misc]
            if self.can_settle(subject):
                await look(lambda each=subject: self._settled(each, last), f"{subject} settled")  # type: ignore[misc]
            else:
                await look(lambda each=subject: self._running_is_true(each), "a true status")  # type: ignore[misc]
        if not self.world.frozen:  # who sleeps can't end what it has
            while wishes.deleted:
                await look(lambda: self._is_gone(wishes.deleted[-1]), f"nothing left of {wishes.deleted[-1]}")
                wishes.deleted.pop()
        if not self.world.orphaned:
            assert await self.world.look_at_call(), "the call that goes on has lost its agent"
        await look(self._goes_on, "another agent for the caller who stays")
        if last:
            await look(self._no_call_is_held, "no process holds a call")
            await look(self._what_was_said_is_kept, "every word kept")

    def can_settle(self, subject: Subject) -> bool:
        """Whether all that the agent needs is there: it may need a host that takes it, if it has none."""
        if self.world.cut and subject.behind_proxy:
            return False
        return bool(self.world.takers) or (subject.steady and not self.world.frozen)

    async def _goes_on(self) -> None:
        expect(await self.world.look_at_call(), "nobody takes up the call whose host died")

    async def _no_call_is_held(self) -> None:
        """All callers have gone, and so have the processes that spoke with them."""
        jobs = await asyncio.to_thread(all_jobs, self.world.livekit_ports)
        expect(not jobs, f"{[job.pid for job in jobs]} hold calls")

    async def _what_was_said_is_kept(self) -> None:
        """Whatever was killed while it was said."""
        while self.world.heard:
            call_id, heard = next(iter(self.world.heard.items()))
            path = f"/api/calls/{call_id}"
            if not await self._looks.is_gone(path):  # with its agent
                turns = " ".join(turn["text"] for turn in (await self._looks.get(path))["turns"])
                lost = [words for words in set(heard) if turns.count(words) < heard.count(words)]
                expect(not lost, f"call {call_id}: {lost} was said and is not in its transcript")
            del self.world.heard[call_id]

    async def is_live(self, subject: Subject) -> bool:
        """Whether it takes calls: its rollout may have failed where that may be."""
        return (await self._looks.get(subject.path))["liveVersion"] is not None

    async def is_answered(self, subject: Subject) -> None:
        """A caller who comes now is not left alone."""
        await finds_an_agent(self.world.platform, subject.slug, LEFT_ALONE_SECONDS)

    async def on_trial(self, subject: Subject) -> Json | None:
        """The share of a version that is on trial."""
        found: Json | None = (await self._looks.get(subject.path))["canary"]
        return found

    async def _nothing_is_lost(self, subject: Subject) -> None:
        """Every deployment that was acknowledged is there."""
        for deployment in subject.acknowledged:
            found = await self._looks.get(f"/api/deployments/{deployment}")
            assert found["agentId"] == subject.id

    async def _running_is_true(self, subject: Subject) -> None:
        """Nothing is called running that LiveKit does not know."""
        agent = await self._looks.get(subject.path)
        if agent["status"] != "running":
            return
        name = f"{subject.slug}@v{agent['liveVersion']}"
        expect(
            self.world.log.registered(subject.slug)[name], f"{name} is called running and is not registered"
        )

    async def _settled(self, subject: Subject, last: bool) -> None:
        agent = await self._looks.get(subject.path)
        if agent["deployment"] is None:
            expect(not subject.acknowledged, "its deployment")
            subject.well(agent)
            return
        await self._one_workflow(subject)
        await self._as_wished(subject, agent)
        expect(agent["status"] in {"running", "stopped", "failed"}, f"no end: it is {agent['status']}")
        right = await self._right(agent)
        leaving = await self._leaving(subject, agent)
        expect(not (last and leaving), f"versions {leaving} are still there")
        self._registered_exactly(subject, right, leaving)
        if not self.world.frozen:
            await self._one_owner_each(subject, right, leaving)
        subject.well(agent)

    async def _right(self, agent: Json) -> Counter[int]:
        """How many replicas there are to be of each version: of the live one, and of one on trial."""
        if agent["status"] != "running":
            assert agent["canary"] is None, f"it is {agent['status']} and has a version on trial"
            return Counter()
        wanted, trial = agent["replicas"]["desired"], agent["canary"]
        expect(agent["replicas"]["ready"] == wanted, str(agent["replicas"]))
        right = Counter({agent["liveVersion"]: wanted})
        if trial is not None:
            assert trial["version"] not in right, "the version on trial is the live one"
            tried = await self._looks.get(f"/api/deployments/{trial['deploymentId']}")
            right[trial["version"]] = tried["replicas"]
        return right

    async def _as_wished(self, subject: Subject, agent: Json) -> None:
        """The newest wish is fulfilled, or failed with its reason where that may be."""
        if subject.wish is None:
            return
        if subject.wish == "stopped":
            expect(agent["status"] == "stopped", f"it is {agent['status']}, not stopped")
            return
        newest, deployment = subject.acknowledged[-1], agent["deployment"]
        if subject.may_fail or subject.failed == newest:
            found = await self._looks.get(f"/api/deployments/{newest}")
            if found["status"] == "failed" and found["reason"]:
                subject.failed = newest
                _goes_on(subject, agent)
                return
        expect(agent["status"] == "running", f"it is {agent['status']}: {agent['lastError']}")
        expect(agent["liveVersion"] == deployment["version"], "another version is live")
        if agent["canary"] is not None:
            _is_tried(subject, agent)
            return
        expect(deployment["id"] == newest, f"deployment {newest} is not the one that runs")
        trial = subject.trial
        if trial and trial.stays and trial.edited and subject.before and not subject.may_fail:
            raise AssertionError(f"deployment {newest} is live without a trial")

    async def _one_workflow(self, subject: Subject) -> None:
        described = await self.world.temporal.get_workflow_handle(agent_workflow_id(subject.id)).describe()
        expect(described.status is WorkflowExecutionStatus.RUNNING, "its workflow has ended")

    async def _leaving(self, subject: Subject, agent: Json) -> set[int]:
        """Versions that may still be there, for they were replaced a moment ago or have a call."""
        page = await self._looks.get(f"{subject.path}/deployments")
        replaced = {each["version"] for each in page["items"] if each["status"] == "draining"}
        return replaced | {each["version"] for each in agent["registrations"] if each["status"] == "draining"}

    def _registered_exactly(self, subject: Subject, right: Counter[int], leaving: set[int]) -> None:
        """By LiveKit's own account, where one that is frozen or has a last call is registered still."""
        more = bool(self.world.frozen or self.world.call or leaving)
        found = self.world.log.registered(subject.slug)
        allowed = {f"{subject.slug}@v{version}" for version in leaving} | {subject.slug}
        must = Counter({f"{subject.slug}@v{version}": count for version, count in right.items()})
        if right:
            must[subject.slug] = right.total()
        for name, count in must.items():
            expect(
                found[name] == count or (more and found[name] > count),
                f"LiveKit knows {dict(found)}, not {count} of {name}",
            )
        strange = set(found) - set(must) - (allowed if leaving else set())
        expect(not strange or bool(self.world.frozen or self.world.call), f"LiveKit knows {strange}")

    async def _one_owner_each(self, subject: Subject, right: Counter[int], leaving: set[int]) -> None:
        """By Temporal's account: as many replicas as are wanted, each on one host."""
        owners: Counter[int] = Counter()
        async for replica, carriers in self._looks.stays(f"WorkflowId STARTS_WITH 'agent-{subject.id}-v'"):
            version = int(replica.rpartition("-r")[0].rpartition("-v")[2])
            if version in leaving and version not in right:
                continue
            states = [each.state for each in carriers]
            expect(states == [STARTED], f"{replica} is carried by {len(states)} in state {states}")
            owners[version] += 1
        # Those that a smaller number made superfluous have a version that is right.
        more = bool(leaving) and owners >= right and set(owners) <= set(right)
        expect(owners == right or more, f"Temporal knows replicas {dict(owners)}, not {dict(right)}")

    async def _is_gone(self, subject: Subject) -> None:
        """Nobody knows the agent any more, and nothing of it runs."""
        assert await self._looks.is_gone(subject.path), f"{subject} is there again"
        found = self.world.log.registered(subject.slug)
        expect(not found, f"LiveKit knows {found}")
        query = f"WorkflowId STARTS_WITH 'agent-{subject.id}' AND ExecutionStatus = 'Running'"
        running = [each.id async for each in self.world.temporal.list_workflows(query)]
        expect(not running, f"Temporal runs {running}")


def _goes_on(subject: Subject, agent: Json) -> None:
    """A rollout that failed changed nothing for callers."""
    live = agent["deployment"]["id"] if agent["liveVersion"] is not None else ""
    expect(subject.before in {None, live}, f"it was {subject.before} that took calls, now it is {live}")


def _is_tried(subject: Subject, agent: Json) -> None:
    """The version on trial is the one that was wished for, and what was live before is live."""
    tried, newest = agent["canary"]["deploymentId"], subject.acknowledged[-1]
    expect(tried == newest, f"deployment {tried} is on trial, not {newest}")
    trial = subject.trial
    assert trial is not None, f"nobody wanted a trial of {newest}"
    assert agent["canary"]["percent"] in {percent for percent, _ in trial.plan}
    expect(time.monotonic() < trial.over, "it is on trial still")
    live = agent["deployment"]["id"]
    expect(subject.before in {None, live}, f"it was {subject.before} that took calls, now it is {live}")
