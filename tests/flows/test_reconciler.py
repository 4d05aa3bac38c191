"""Somebody meddles with Temporal or Postgres: the reconciler puts it right, and tells."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from livekit import api
from sqlalchemy import text
from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionResult,
    ScheduleOverlapPolicy,
    WorkflowExecutionStatus,
)

from activities.drifts import Comparison
from common.keys import make_master_key
from db.engine import Database
from tests.support.caller import calling
from tests.support.outages import GREETING
from tests.support.platform import Json, Platform
from tests.support.recoveries import COMEBACK, another_agent, settled
from tests.support.temporal import details
from tests.support.waiting import eventually
from workflows.policy import (
    CONTROL_QUEUE,
    RECONCILE,
    RECONCILE_EVERY,
    agent_workflow_id,
    call_workflow_id,
    replica_workflow_id,
)
from workflows.reconcile import ReconcileWorkflow
from workflows.reconcile_types import Round, RoundInput
from workflows.types import ReplicaInput

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Meddler:
    """A hand in Temporal and in Postgres, past the platform."""

    platform: Platform
    temporal: Client
    database: Database

    async def sql(self, statement: str, **values: object) -> None:
        """Change something in Postgres."""
        async with self.database.begin() as db_session:
            await db_session.execute(text(statement), values)

    async def terminate(self, workflow_id: str) -> None:
        """End a workflow without asking it."""
        await self.temporal.get_workflow_handle(workflow_id).terminate("an accident")

    async def deployments(self, agent_id: str) -> tuple[str, str]:
        """Two of which no workflow knows: one that was replaced, and one that was asked for last."""
        ids = str(uuid4()), str(uuid4())
        for each, status, age in zip(ids, ("running", "starting"), ("1 day", "1 minute"), strict=True):
            await self.sql(
                "INSERT INTO deployments"
                " (id, agent_id, version, replicas, actor, sequence, status, created_at)"
                f" VALUES (:id, :agent, 1, 1, 'x', 2, '{status}', now() - interval '{age}')",
                id=UUID(each),
                agent=UUID(agent_id),
            )
        # The live one is older, or it would be the one that was asked for last.
        older = "UPDATE deployments SET created_at = now() - interval '1 hour'"
        await self.sql(f"{older} WHERE agent_id = :agent AND actor <> 'x'", agent=UUID(agent_id))
        return ids

    async def suspects(self, page: int, of: set[str]) -> set[tuple[str, str, str]]:
        """What differs at the first look at these agents, with so many compared at a time."""
        found = await Comparison(self.temporal, self.database, lambda: None, page).suspects()
        return {(each.drift, each.subject, str(each.signs)) for each in found if each.subject in of}

    async def status(self, workflow_id: str) -> WorkflowExecutionStatus | None:
        """How a workflow is."""
        return (await self.temporal.get_workflow_handle(workflow_id).describe()).status

    async def round(self) -> Round:
        """A round of the reconciler, with little patience."""
        return await self.temporal.execute_workflow(
            ReconcileWorkflow.run,
            RoundInput(patience_seconds=1.0),
            id=f"{RECONCILE}-{uuid4().hex[:8]}",
            task_queue=CONTROL_QUEUE,
        )

    async def repaired(self, agent_id: str, kind: str, *, seconds: float = 30.0) -> Json:
        """The newest repair of that kind, once there is one: of one of these rounds, or of the schedule's."""

        async def look() -> Json | None:
            found = (await self.platform.call("GET", f"/api/repairs?agent={agent_id}"))["items"]
            return next((each for each in found if each["kind"] == kind), None)

        return await eventually(look, f"a repair of kind {kind!r}", seconds=seconds)


@pytest.fixture
async def meddler(platform: Platform) -> AsyncIterator[Meddler]:
    database = Database.connect(platform.stack.database_url, make_master_key())
    yield Meddler(platform, await Client.connect(platform.stack.temporal_address), database)
    await database.close()


async def test_the_schedule_starts_one_round_at_a_time(meddler: Meddler) -> None:
    schedule = meddler.temporal.get_schedule_handle(RECONCILE)
    before = await schedule.describe()
    assert before.schedule.spec.intervals[0].every == RECONCILE_EVERY
    assert before.schedule.policy.overlap is ScheduleOverlapPolicy.SKIP
    await schedule.trigger(overlap=ScheduleOverlapPolicy.BUFFER_ONE)

    async def another() -> ScheduleActionResult | None:
        info = (await schedule.describe()).info
        return info.recent_actions[-1] if info.num_actions > before.info.num_actions else None

    started = (await eventually(another, "a round that the schedule started", seconds=30)).action
    assert isinstance(started, ScheduleActionExecutionStartWorkflow)
    handle = meddler.temporal.get_workflow_handle(started.workflow_id, result_type=Round)
    done: Round = await handle.result()
    assert (await details(handle)).startswith(f"compared {done.agents} agents")


async def test_an_agent_whose_workflow_is_lost_is_brought_back(meddler: Meddler) -> None:
    platform = meddler.platform
    agent = await platform.deployed("lost")
    first, second = (replica_workflow_id(agent["id"], 1, number) for number in (1, 2))
    await meddler.terminate(agent_workflow_id(agent["id"]))
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")
        old = "UPDATE calls SET started_at = now() - interval '1 hour' WHERE id = :id"
        await meddler.sql(old, id=UUID(token["callId"]))
        assert (await meddler.round()).calls >= 1
        call = await platform.call("GET", f"/api/calls/{token['callId']}")
        assert call["status"] == "active", "it has its room, and goes on"
    lost = await meddler.repaired(agent["id"], "agent lost")
    assert "version 1 is deployed again" in lost["what"]

    async def second_serves() -> bool:
        story = (await platform.agent(agent["id"]))["deployment"]["transitions"]
        return [each["status"] for each in story][-3:] == ["validating", "starting", "running"]

    await eventually(second_serves, "the deployment told of again")
    back = await platform.reaches(agent["id"], "running")
    assert back["deployment"]["id"] == agent["deployment"]["id"]
    assert await meddler.status(second) is WorkflowExecutionStatus.RUNNING

    async def one_owner() -> bool:
        ended = await meddler.status(first) is WorkflowExecutionStatus.COMPLETED
        return ended and (await platform.agent(agent["id"]))["replicas"]["ready"] == 1

    await eventually(one_owner, "the first replica to end, for the second has taken over")
    assert await meddler.status(second) is WorkflowExecutionStatus.RUNNING
    metrics = (await platform.http.get("/metrics")).text
    assert 'bionic_repairs{kind="agent lost"}' in metrics
    await platform.stop(agent["id"])


async def test_each_drift_is_found_and_mended_in_one_round(meddler: Meddler) -> None:
    platform = meddler.platform
    names = ("deleted", "orphaned", "halved", "rolled-back", "hung", "unheard")
    agents = {name: await platform.deployed(name) for name in names}
    ids = {name: agent["id"] for name, agent in agents.items()}

    await meddler.sql("DELETE FROM agents WHERE id = :id", id=UUID(ids["deleted"]))
    orphan = replica_workflow_id(ids["orphaned"], 1, 9)
    deployment = agents["orphaned"]["deployment"]["id"]
    await meddler.temporal.start_workflow(
        "ReplicaWorkflow",
        ReplicaInput(ids["orphaned"], agents["orphaned"]["slug"], deployment, 1, 9),
        id=orphan,
        task_queue=CONTROL_QUEUE,
    )
    halved = replica_workflow_id(ids["halved"], 1, 1)
    await meddler.terminate(halved)
    back = "status = 'starting', sequence = 1"
    await meddler.sql(
        f"UPDATE agents SET {back}, live_version = NULL WHERE id = :id", id=UUID(ids["rolled-back"])
    )
    await meddler.sql(f"UPDATE deployments SET {back} WHERE agent_id = :id", id=UUID(ids["rolled-back"]))
    call_id = uuid4()
    await meddler.sql(
        "INSERT INTO calls (id, agent_id, version, room, status, started_at)"
        " VALUES (:id, :agent, 1, :room, 'active', now() - interval '2 minutes')",
        id=call_id,
        agent=UUID(ids["hung"]),
        room=f"nowhere-{call_id}",
    )

    forgotten, accepted = await meddler.deployments(ids["unheard"])
    ours = set(ids.values())
    whole, by_page = await meddler.suspects(5000, ours), await meddler.suspects(1, ours)
    assert whole == by_page
    assert {subject for _, subject, _ in whole} >= {ids[name] for name in names[:4]}

    done = await meddler.round()
    assert done.agents >= len(names) - 1
    assert done.calls >= 1
    assert (await meddler.repaired(ids["deleted"], "agent deleted"))["agentId"] == ids["deleted"]
    assert (await meddler.repaired(ids["orphaned"], "replica unowned"))["subject"] == orphan
    assert (await meddler.repaired(ids["halved"], "replica lost"))["subject"] == halved
    await meddler.repaired(ids["halved"], "replicas missing")
    await meddler.repaired(ids["rolled-back"], "told old")
    assert (await meddler.repaired(ids["hung"], "call open"))["subject"] == str(call_id)

    assert (await meddler.repaired(ids["unheard"], "deployment forgotten"))["subject"] == forgotten
    assert (await meddler.repaired(ids["unheard"], "deployment unheard"))["subject"] == accepted

    call = await platform.call("GET", f"/api/calls/{call_id}")
    assert (call["status"], call["endReason"]) == ("ended", "its room is gone")

    async def all_well() -> bool:
        gone = [await meddler.status(each) for each in (agent_workflow_id(ids["deleted"]), orphan)]
        now = [await platform.agent(ids[name]) for name in names[1:]]
        well = all(
            each["status"] == "running" and each["replicas"] == {"desired": 1, "ready": 1} for each in now
        )
        return well and set(gone) == {WorkflowExecutionStatus.COMPLETED}

    await eventually(all_well, "everything as it should be")
    assert (await platform.agent(ids["unheard"]))["deployment"]["id"] == accepted
    told = (await platform.agent(ids["rolled-back"]))["deployment"]
    assert told["status"] == "running"
    for name in names[1:]:
        await platform.stop(ids[name])


async def test_a_caller_of_whom_no_workflow_knows_gets_an_agent(meddler: Meddler) -> None:
    """Whoever was to replace a lost agent died after Postgres and before LiveKit knew, the workflow too."""
    platform = meddler.platform
    agent = await platform.deployed("unheard-caller")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears(GREETING)
        await meddler.terminate(call_workflow_id(token["callId"]))
        taken_over = "attempt = attempt + 1, status = 'recovering', host = NULL"
        since = "caller_joined_at = now() - interval '1 minute'"
        await meddler.sql(f"UPDATE calls SET {taken_over}, {since} WHERE id = :id", id=UUID(token["callId"]))
        await _remove(platform, token["room"], (await caller.agent()).identity)
        await meddler.round()
        repair = await meddler.repaired(agent["id"], "caller unheard", seconds=90)
        assert repair["subject"] == token["callId"]
        await caller.hears(COMEBACK)
        assert (await settled(platform, token["callId"]))["recoveries"] == 2
    await platform.stop(agent["id"])


async def test_a_caller_of_whom_livekit_never_told_gets_an_agent(meddler: Meddler) -> None:
    """Nobody has LiveKit send its webhooks here, and the agent that the token asked for did not come."""
    platform = meddler.platform
    agent = await platform.deployed("untold-caller")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears(GREETING)
        await meddler.terminate(call_workflow_id(token["callId"]))
        untold = "status = 'waiting', caller_joined_at = NULL, started_at = NULL, host = NULL"
        made = "created_at = now() - interval '1 minute'"
        await meddler.sql(f"UPDATE calls SET {untold}, {made} WHERE id = :id", id=UUID(token["callId"]))
        first = (await caller.agent()).identity
        await _remove(platform, token["room"], first)
        await meddler.round()
        repair = await meddler.repaired(agent["id"], "caller unheard", seconds=90)
        assert repair["subject"] == token["callId"]
        await another_agent(caller, first, seconds=20)
        assert (await settled(platform, token["callId"]))["recoveries"] == 1
    await platform.stop(agent["id"])


async def _remove(platform: Platform, room: str, identity: str) -> None:
    stack = platform.stack
    url = stack.livekit_url.replace("ws", "http", 1)
    async with api.LiveKitAPI(url, stack.livekit_api_key, stack.livekit_api_secret) as livekit:
        await livekit.room.remove_participant(api.RoomParticipantIdentity(room=room, identity=identity))
