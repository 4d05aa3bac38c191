"""Why no agent comes to a call, by what Postgres knows of its agent and of hosts: in a word, for alarms."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import func, select, update

from common.causes import Cause
from common.livekit import LiveKitCredentials
from common.status import CallStatus, Status
from db.engine import Database
from db.models import AgentRow, CallRow, EventRow, HostRow, ReplicaRow
from db.repositories.agents import AgentRepository
from db.repositories.calls import CallRepository
from db.repositories.deployments import DeploymentRepository
from db.repositories.events import EventRepository
from db.repositories.hosts import HostFigures, HostRepository
from db.repositories.joining import JoinedAgent, JoiningRepository
from db.repositories.placements import PlacementRepository
from db.repositories.recoveries import Loss, RecoveryRepository

pytestmark = pytest.mark.integration

HERE = LiveKitCredentials("wss://here.example", "key", "secret")
ELSEWHERE = LiveKitCredentials("wss://elsewhere.example", "key", "secret")
DAY = timedelta(days=1)


@dataclass
class World:
    """An agent with one version that takes calls, and a call that waits for it."""

    database: Database
    agent: AgentRow
    call_id: uuid.UUID = field(default_factory=uuid.uuid4)
    host: str = field(default_factory=lambda: f"host-{uuid.uuid4().hex[:8]}")
    tries: count[int] = field(default_factory=count)

    @property
    def room(self) -> str:
        """Of the call."""
        return f"call-{self.call_id}"

    async def deploy(self, place: LiveKitCredentials = HERE) -> uuid.UUID:
        """Its version is live, and no host has it."""
        async with self.database.begin() as db_session:
            agents = AgentRepository(db_session, self.database.box)
            locked = await agents.get(str(self.agent.id), lock=True)
            version = await agents.publish(locked, "tester")
            deployments = DeploymentRepository(db_session)
            row, _ = await deployments.create(locked, uuid.uuid4(), version.number, 1, "tester")
            await PlacementRepository(db_session, self.database.box).place(row.id, place)
            locked.live_version, locked.live_deployment_id = version.number, row.id
            return row.id

    async def begin(self) -> None:
        """Its caller waits."""
        async with self.database.begin() as db_session:
            calls = CallRepository(db_session)
            await calls.create(
                self.call_id, self.agent.id, 1, room=self.room, identity="caller", attributes={}
            )

    async def carry(self, deployment_id: uuid.UUID, full: str | None = None) -> None:
        """A host has it."""
        async with self.database.begin() as db_session:
            figures = HostFigures("1.2.3", 1, 0, cpu=0.1, memory=0.1, full=full)
            await HostRepository(db_session).saw(self.host, "process", figures)
            replica = ReplicaRow(
                id=f"agent-{self.agent.id}-v1-r1",
                agent_id=self.agent.id,
                deployment_id=deployment_id,
                version=1,
                number=1,
                status=Status.RUNNING,
                attempt=1,
                host=self.host,
            )
            await db_session.merge(replica)

    async def joins(self, attempt: int) -> None:
        """An agent is with the caller."""
        async with self.database.begin() as db_session:
            joined = JoinedAgent(self.call_id, self.agent.id, 1, self.room, attempt)
            await JoiningRepository(db_session).joined(joined)

    async def loses(self, attempt: int, *, crashed: bool = False) -> None:
        """Another agent is sent for."""
        async with self.database.begin() as db_session:
            loss = Loss(attempt, "It is gone.", crashed)
            assert await RecoveryRepository(db_session).take_over(self.call_id, loss, datetime.now(UTC))

    async def cause(self, known: Cause | None = None) -> str:
        """By which operators are alerted."""
        async with self.database.begin() as db_session:
            call = await CallRepository(db_session).get(self.call_id)
            tries = 5 + next(self.tries)
            await RecoveryRepository(db_session).unanswered(call, "In words.", tries, over=False, cause=known)
            newest = select(EventRow).where(EventRow.call_id == self.call_id).order_by(EventRow.id.desc())
            event = (await db_session.execute(newest.limit(1))).scalar_one()
            assert (event.data["reason"], event.data["tries"]) == ("In words.", tries)
            return str(event.data["cause"])


@pytest.fixture
async def world(database: Database, agent: AgentRow) -> World:
    """One of its own."""
    return World(database, agent)


async def test_for_want_of_a_version_or_a_host(world: World) -> None:
    deployment_id = await world.deploy()
    await world.begin()
    assert await world.cause() == "no_host"
    await world.carry(deployment_id, full="calls")
    assert await world.cause() == "full"
    async with world.database.begin() as db_session:
        silent = update(HostRow).where(HostRow.name == world.host)
        await db_session.execute(silent.values(last_seen_at=func.now() - timedelta(minutes=1)))
    assert await world.cause() == "no_host", "it is lost"
    async with world.database.begin() as db_session:
        stopped = update(AgentRow).where(AgentRow.id == world.agent.id)
        await db_session.execute(stopped.values(live_version=None, live_deployment_id=None))
        replicas = update(ReplicaRow).where(ReplicaRow.agent_id == world.agent.id)
        await db_session.execute(replicas.values(status=Status.STOPPED))
    assert await world.cause() == "not_deployed"


async def test_where_hosts_could_send_one_it_is_what_became_of_the_last(world: World) -> None:
    deployment_id = await world.deploy()
    await world.begin()
    await world.carry(deployment_id)
    assert await world.cause() == "no_show"
    await world.loses(1)
    assert await world.cause() == "no_show"
    await world.joins(2)
    await world.loses(2)
    assert await world.cause() == "lost"
    await world.joins(3)
    await world.loses(3, crashed=True)
    assert await world.cause() == "crashed"
    assert await world.cause(Cause.LIVEKIT) == "livekit", "whoever tells it knows better"


async def test_a_version_that_takes_calls_on_another_server_is_none_for_this_call(world: World) -> None:
    deployment_id = await world.deploy()
    await world.carry(deployment_id)
    await world.begin()
    assert await world.cause() == "no_show"
    await world.carry(await world.deploy(ELSEWHERE))
    assert await world.cause() == "not_deployed"


async def test_a_caller_who_comes_back_has_lost_nobody(world: World) -> None:
    await world.begin()
    await world.joins(1)
    async with world.database.begin() as db_session:
        assert await CallRepository(db_session).end(world.room, "caller left")
        soon = datetime.now(UTC) + timedelta(seconds=1)
        assert await CallRepository(db_session).caller_came(world.room, "caller", soon)
        call = await db_session.get_one(CallRow, world.call_id, populate_existing=True)
        assert call.status == CallStatus.RECOVERING
    await world.joins(1)
    async with world.database.begin() as db_session:
        counted = await EventRepository(db_session).trouble(DAY)
    assert counted == {("call.recovered", Cause.RETURNED): 1}


def test_of_what_nobody_knows_there_is_one_cause() -> None:
    assert Cause("something that a later version says") is Cause.UNKNOWN
