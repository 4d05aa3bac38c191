"""A host parts with an agent when another one has it, and ends its last calls as its workflow orders."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import delete, update
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities import farewells
from activities.farewells import Farewells
from activities.reporter import Reporter
from agents.hosting import HostedAgent
from common.keys import make_master_key
from common.status import Standing, Status
from db.engine import Database
from db.models import DeploymentRow, HostRow, ReplicaRow
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.hosts import HostFigures, HostRepository
from db.repositories.replicas import ReplicaRepository
from tests.support.waiting import eventually
from workflows.types import ReplicaChanged, ReplicaReport, StopReplica

pytestmark = pytest.mark.integration

HERE, THERE = "here", "there"
NOTICE = 0.3
"""`HANDOVER` in these tests, in seconds."""

DRAIN = 60.0


class Agent:
    """One with a call that goes on: what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[float, bool]] = []
        self.over = asyncio.Event()
        self._leaving: asyncio.Task[None] | None = None

    def leave(self, seconds: float, *, notice: float = 0.0, last: bool = False) -> asyncio.Task[None]:
        """Note it; end when the call is over."""
        self.told.append((seconds, last))
        self._leaving = self._leaving or asyncio.create_task(self._leave())
        return self._leaving

    async def _leave(self) -> None:
        await self.over.wait()

    async def is_told(self, *seconds: float) -> None:
        """Return once it is told to leave within these, one after the other."""

        async def so() -> bool:
            return [each for each, _ in self.told] == list(seconds)

        await eventually(so, lambda: f"{seconds}, not {self.told}", seconds=5)


@dataclass
class Temporal:
    """Answers for the workflows of replicas."""

    orders: dict[str, StopReplica] = field(default_factory=dict)
    away: bool = False
    asked: list[str] = field(default_factory=list)
    told: list[ReplicaReport] = field(default_factory=list)

    def get_workflow_handle(self, workflow_id: str) -> Workflow:
        """Of a replica."""
        return Workflow(self, workflow_id)


@dataclass
class Workflow:
    """Of one replica."""

    temporal: Temporal
    id: str

    async def query(self, name: str, *, result_type: type, rpc_timeout: timedelta) -> StopReplica | None:
        """Its order."""
        assert (name, result_type) == ("order", StopReplica)
        self.temporal.asked.append(self.id)
        if self.temporal.away:
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
        return self.temporal.orders.get(self.id)

    async def signal(self, name: str, change: ReplicaChanged, *, rpc_timeout: timedelta) -> None:
        """The agent's workflow hears how the replica is."""
        assert name == "replica_changed"
        self.temporal.told.append(change.report)


@dataclass
class Place:
    """A host that gives agents up, and a replica that it had."""

    database: Database
    temporal: Temporal
    farewells: Farewells
    replica_id: str
    agent_id: UUID

    def says(self, agent: Agent, *, moving: bool = False, ordered: bool = False) -> asyncio.Task[None]:
        """The agent's first attempt is over."""
        hosted = cast("HostedAgent", agent)
        return self.farewells.say(hosted, self.reporter(), DRAIN, moving=moving, ordered=ordered)

    def reporter(self, replica: str = "") -> Reporter:
        """Of a first attempt."""
        client = cast("Client", self.temporal)
        return Reporter(client, str(self.agent_id), replica or self.replica_id, HERE, 1)

    async def tells(self, **values: Any) -> None:
        """What Postgres has of the replica."""
        async with self.database.begin() as db_session:
            found = update(ReplicaRow).where(ReplicaRow.id == self.replica_id)
            await db_session.execute(found.values(sequence=ReplicaRow.sequence + 1, **values))

    async def is_joined(self, heeds: Standing = Standing.OPEN) -> None:
        """Another host is there."""
        figures = HostFigures("0", agents=0, active_calls=0, cpu=0, memory=0, heeds=heeds)
        async with self.database.begin() as db_session:
            await HostRepository(db_session).saw(THERE, "one", figures)


@pytest.fixture
async def place(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setattr(farewells, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(farewells, "AGAIN_SECONDS", 0.02)
    monkeypatch.setattr(farewells, "HANDOVER", timedelta(seconds=NOTICE))
    replica_id = f"replica-{uuid.uuid4()}"
    async with database.begin() as db_session:
        await db_session.execute(delete(HostRow))
        slug = f"f-{uuid.uuid4().hex[:8]}"
        agent = await AgentRepository(db_session, database.box).create("F", slug, StoredConfig({}, {}))
        deployment = DeploymentRow(
            id=uuid.uuid4(), agent_id=agent.id, version=1, replicas=1, status=Status.RUNNING, actor="tester"
        )
        db_session.add(deployment)
        await db_session.flush()
        row = ReplicaRow(
            id=replica_id, agent_id=agent.id, deployment_id=deployment.id, version=1, number=1,
            status=Status.STARTING, attempt=1, host=HERE,
        )  # fmt: skip
        db_session.add(row)
    temporal = Temporal()
    found = Farewells(database, cast("Client", temporal), HERE)
    yield Place(database, temporal, found, replica_id, agent.id)
    await asyncio.wait_for(found.close(), 5)


@pytest.fixture
def agent() -> Agent:
    return Agent()


async def _goes(agent: Agent, task: asyncio.Task[None]) -> None:
    """Its last call is over, and so is its time here."""
    agent.over.set()
    await asyncio.wait_for(task, 5)


async def test_it_takes_calls_until_another_host_has_registered_it(place: Place, agent: Agent) -> None:
    await place.is_joined()
    task = place.says(agent, moving=True)
    handed_over = asyncio.create_task(place.farewells.handed_over())
    done, _ = await asyncio.wait({task, handed_over}, timeout=3 * NOTICE)
    assert (done, agent.told, place.farewells.staying) == (set(), [], 1)
    await place.tells(attempt=2, host=THERE)
    done, _ = await asyncio.wait({task, handed_over}, timeout=NOTICE)
    assert (done, agent.told) == (set(), []), "there, and not registered yet"
    await place.tells(status=Status.RUNNING)
    await agent.is_told(DRAIN)
    await asyncio.wait_for(handed_over, 5)
    assert place.farewells.staying == 0
    assert not task.done(), "its call goes on"
    await _goes(agent, task)
    assert place.temporal.told == [], "nothing was wrong"


@pytest.mark.parametrize("heeds", [None, Standing.DRAINED])
async def test_it_waits_for_nobody_where_no_other_host_takes_agents(
    place: Place, agent: Agent, heeds: Standing | None
) -> None:
    """One that is about to go itself takes none."""
    if heeds:
        await place.is_joined(heeds)
    task = place.says(agent, moving=True)
    done, _ = await asyncio.wait({task}, timeout=NOTICE / 2)
    assert (done, agent.told) == (set(), []), "others may be about to come"
    await agent.is_told(DRAIN)
    await _goes(agent, task)
    why = "Host here takes no calls any more, and no other host has the agent yet."
    assert place.temporal.told == [ReplicaReport(Status.DEGRADED, 1, HERE, reason=why)]


async def test_it_does_not_wait_for_a_postgres_that_is_away(place: Place, agent: Agent) -> None:
    database = Database.connect("postgresql://postgres@127.0.0.1:1/nowhere", make_master_key())
    alone = Farewells(database, cast("Client", place.temporal), HERE)
    task = alone.say(cast("HostedAgent", agent), place.reporter(), DRAIN, moving=True)
    await agent.is_told(DRAIN)
    await _goes(agent, task)
    await database.close()


async def test_it_does_not_wait_for_ever(place: Place, agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farewells, "MOST_SECONDS", 2 * NOTICE)
    await place.is_joined()
    task = place.says(agent, moving=True)
    await agent.is_told(DRAIN)
    assert place.farewells.staying == 0
    await _goes(agent, task)


async def test_hundreds_are_asked_about_at_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    questions: list[int] = []

    class Counted(ReplicaRepository):
        async def told(self, ids: Any) -> Any:
            questions.append(len(ids))
            return await super().told(ids)

    monkeypatch.setattr(farewells, "ReplicaRepository", Counted)
    await place.tells(status=Status.RUNNING, attempt=2)
    agents = [Agent() for _ in range(300)]
    for number, agent in enumerate(agents):
        agent.over.set()
        replica_id = place.replica_id if number == 0 else f"{place.replica_id}-{number}"
        place.farewells.say(cast("HostedAgent", agent), place.reporter(replica_id), DRAIN, moving=True)
    await agents[0].is_told(DRAIN)
    assert questions[0] == 300


async def test_orders_that_its_successor_gets_hold_for_its_last_calls(place: Place, agent: Agent) -> None:
    await place.is_joined()
    task = place.says(agent, moving=True)
    place.temporal.orders[place.replica_id] = StopReplica(30, THERE, 2)
    await place.tells(status=Status.DRAINING, attempt=2)
    await eventually(lambda: _has(agent.told, (30, False)), "the first order")
    place.temporal.orders[place.replica_id] = StopReplica(0, THERE, 2, last=True)
    await place.tells()
    await eventually(lambda: _has(agent.told, (0, True)), "the second order")
    assert place.temporal.asked == [place.replica_id] * 2, "no oftener than something was ordered"
    await _goes(agent, task)


async def test_an_order_that_is_still_on_its_way_is_asked_for_again(place: Place, agent: Agent) -> None:
    place.temporal.away = True
    await place.tells(status=Status.DRAINING)
    task = place.says(agent)
    await agent.is_told(DRAIN)
    await eventually(lambda: _has(place.temporal.asked, place.replica_id), "it is asked for")
    place.temporal.away = False
    before = len(place.temporal.asked)

    async def again() -> bool:
        return len(place.temporal.asked) > before + 1

    await eventually(again, "it is asked for again")
    place.temporal.orders[place.replica_id] = StopReplica(0, HERE, 1)
    await agent.is_told(DRAIN, 0)
    await _goes(agent, task)


async def test_one_that_was_cancelled_is_told_its_order_whatever_postgres_says(
    place: Place, agent: Agent
) -> None:
    place.temporal.orders[place.replica_id] = StopReplica(0, HERE, 1, last=True)
    task = place.says(agent, ordered=True)
    await agent.is_told(DRAIN, 0)
    assert [last for _, last in agent.told] == [False, True]
    await _goes(agent, task)


async def _has(found: list[Any], wanted: object) -> bool:
    return wanted in found
