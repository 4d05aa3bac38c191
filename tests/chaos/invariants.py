"""What holds whatever happens."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable

import httpx
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from tests.chaos.subjects import Subject
from tests.chaos.world import World
from tests.support.outages import finds_an_agent
from tests.support.platform import Json
from tests.support.waiting import eventually
from workflows.policy import HOST_ACTIVITY_ID, agent_workflow_id

SETTLED_SECONDS = 90.0
"""From the worst of all faults to everything as it should be. Most often it takes a few seconds."""

TRUE_SECONDS = 20.0
"""How long `running` may be said of an agent that is not registered: a host may be silent for twelve."""

LEFT_ALONE_SECONDS = 10.0
WORTH_TELLING_SECONDS = 2.0
STARTED = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED


class NotYet(Exception):
    """What is missing until all is well, for the one who reads of it."""


class Invariants:
    """Looks at the platform from all sides: the API, Temporal and LiveKit itself."""

    def __init__(self, world: World, tell: Callable[[str], None]) -> None:
        self.world = world
        self._tell = tell

    async def check(self, subjects: list[Subject]) -> None:
        """All that can be said now."""
        await self.world.all_up()
        for subject in subjects:
            await self._until_well(lambda each=subject: self._nothing_is_lost(each), "all acknowledged")  # type: ignore[misc]
            if self.can_settle(subject):
                await self._until_well(lambda each=subject: self._settled(each), f"{subject} settled")  # type: ignore[misc]
                subject.settled, subject.may_fail = True, False
            else:
                await self._until_well(lambda each=subject: self._running_is_true(each), "a true status")  # type: ignore[misc]
        if self.world.call is not None:
            assert self.world.call.agents, "the call that goes on has lost its agent"

    def can_settle(self, subject: Subject) -> bool:
        """Whether all that the agent needs is there."""
        return bool(self.world.hosts) and not (self.world.cut and subject.behind_proxy)

    async def is_live(self, subject: Subject) -> bool:
        """Whether it takes calls: its rollout may have failed where that may be."""
        return (await self._get(subject.path))["liveVersion"] is not None

    async def is_answered(self, subject: Subject) -> None:
        """A caller who comes now is not left alone."""
        await finds_an_agent(self.world.platform, subject.slug, LEFT_ALONE_SECONDS)

    async def _until_well(self, look: Callable[[], Awaitable[None]], what: str) -> None:
        problem, began = "", time.monotonic()

        async def well() -> bool:
            nonlocal problem
            try:
                await look()
            except (NotYet, httpx.TransportError, RPCError) as error:
                problem = str(error) or repr(error)
                return False
            return True

        try:
            await eventually(well, what, seconds=SETTLED_SECONDS, every=0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}: {problem}") from None
        if (took := time.monotonic() - began) > WORTH_TELLING_SECONDS:
            self._tell(f"  {what} after {took:.1f} s; before that: {problem}")

    async def _get(self, path: str) -> Json:
        """What the API says, as soon as it does."""
        answer = await self.world.platform.http.get(path)
        if answer.is_server_error:
            raise NotYet(f"{path}: {answer.status_code} {answer.text}")
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        found: Json = answer.json()
        return found

    async def _nothing_is_lost(self, subject: Subject) -> None:
        """Every deployment that was acknowledged is there."""
        for deployment in subject.acknowledged:
            found = await self._get(f"/api/deployments/{deployment}")
            assert found["agentId"] == subject.id

    async def _running_is_true(self, subject: Subject) -> None:
        """Nothing is called running that LiveKit does not know."""
        agent = await self._get(subject.path)
        if agent["status"] != "running":
            return
        name = f"{subject.slug}@v{agent['liveVersion']}"
        if not self.world.log.registered(subject.slug)[name]:
            raise NotYet(f"{name} is called running and is not registered")

    async def _settled(self, subject: Subject) -> None:
        agent = await self._get(subject.path)
        deployment = agent["deployment"]
        if deployment is None:
            _expect(not subject.acknowledged, "its deployment")
            return
        await self._one_workflow(subject)
        await self._as_wished(subject, agent)
        _expect(agent["status"] in {"running", "stopped", "failed"}, f"no end: it is {agent['status']}")
        wanted = agent["replicas"]["desired"] if agent["status"] == "running" else 0
        _expect(agent["status"] != "running" or agent["replicas"]["ready"] == wanted, str(agent["replicas"]))
        live = agent["liveVersion"] if agent["status"] == "running" else None
        leaving = await self._leaving(subject)
        self._registered_exactly(subject, live, wanted, leaving)
        if not self.world.frozen:
            await self._one_owner_each(subject, live, wanted, leaving)

    async def _as_wished(self, subject: Subject, agent: Json) -> None:
        """The newest wish is fulfilled, or failed with its reason where that may be."""
        if subject.wish is None:
            return
        if subject.wish == "stopped":
            _expect(agent["status"] == "stopped", f"it is {agent['status']}, not stopped")
            return
        newest, deployment = subject.acknowledged[-1], agent["deployment"]
        if subject.may_fail:
            found = await self._get(f"/api/deployments/{newest}")
            if found["status"] == "failed" and found["reason"]:
                return
        _expect(deployment["id"] == newest, f"deployment {newest} is not the one that runs")
        _expect(agent["status"] == "running", f"it is {agent['status']}: {agent['lastError']}")
        _expect(agent["liveVersion"] == deployment["version"], "another version is live")

    async def _one_workflow(self, subject: Subject) -> None:
        described = await self.world.temporal.get_workflow_handle(agent_workflow_id(subject.id)).describe()
        _expect(described.status is WorkflowExecutionStatus.RUNNING, "its workflow has ended")

    async def _leaving(self, subject: Subject) -> set[int]:
        """Versions that may still be there, for they were replaced a moment ago or have a call."""
        page = await self._get(f"{subject.path}/deployments")
        return {each["version"] for each in page["items"] if each["status"] == "draining"}

    def _registered_exactly(self, subject: Subject, live: int | None, wanted: int, leaving: set[int]) -> None:
        """By LiveKit's own account, where one that is frozen or has a last call is registered still."""
        more = bool(self.world.frozen or self.world.call or leaving)
        found = self.world.log.registered(subject.slug)
        allowed = {f"{subject.slug}@v{version}" for version in leaving} | {subject.slug}
        must = Counter({f"{subject.slug}@v{live}": wanted, subject.slug: wanted}) if wanted else Counter()
        for name, count in must.items():
            _expect(
                found[name] == count or (more and found[name] > count),
                f"LiveKit knows {found[name]} of {name}, not {count}",
            )
        strange = set(found) - set(must) - (allowed if leaving else set())
        _expect(not strange or bool(self.world.frozen or self.world.call), f"LiveKit knows {strange}")

    async def _one_owner_each(
        self, subject: Subject, live: int | None, wanted: int, leaving: set[int]
    ) -> None:
        """By Temporal's account: as many replicas as are wanted, each on one host."""
        query = f"WorkflowId STARTS_WITH 'agent-{subject.id}-v' AND ExecutionStatus = 'Running'"
        owners: Counter[int] = Counter()
        async for replica in self.world.temporal.list_workflows(query):
            version = int(replica.id.rpartition("-r")[0].rpartition("-v")[2])
            if version in leaving and version != live:
                continue
            described = await self.world.temporal.get_workflow_handle(replica.id).describe()
            pending = described.raw_description.pending_activities
            states = [each.state for each in pending if each.activity_id == HOST_ACTIVITY_ID]
            _expect(states == [STARTED], f"{replica.id} is carried by {len(states)} in state {states}")
            owners[version] += 1
        right = {live: wanted} if live and wanted else {}
        # Those that a smaller number made superfluous have the version that is live.
        more = bool(leaving) and owners[live or 0] >= wanted and set(owners) <= {live}
        _expect(owners == right or more, f"Temporal knows replicas {dict(owners)}, not {right}")


def _expect(holds: bool, problem: str) -> None:
    if not holds:
        raise NotYet(problem)
