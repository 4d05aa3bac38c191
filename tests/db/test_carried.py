"""Which agents a lost host carried: those whose callers wait for another one come first."""

from __future__ import annotations

import uuid

import pytest

from common.status import Status
from db.engine import Database
from db.models import ReplicaRow
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.calls import CallRepository
from db.repositories.deployments import DeploymentRepository
from db.repositories.hosts import HostRepository
from db.repositories.joining import JoinedAgent, JoiningRepository

pytestmark = pytest.mark.integration


async def _carried(database: Database, host: str) -> uuid.UUID:
    """An agent that it carries."""
    async with database.begin() as db_session:
        agents, slug = AgentRepository(db_session, database.box), f"c-{uuid.uuid4().hex[:8]}"
        agent = await agents.create("C", slug, StoredConfig({}, {}))
        await agents.publish(agent, "tester")
        row, _ = await DeploymentRepository(db_session).create(agent, uuid.uuid4(), 1, 1, "tester")
        replica = {"version": 1, "number": 1, "status": Status.RUNNING, "attempt": 1, "host": host}
        db_session.add(ReplicaRow(id=f"agent-{agent.id}", agent_id=agent.id, deployment_id=row.id, **replica))
        return agent.id


async def _calls(database: Database, agent_id: uuid.UUID, host: str) -> str:
    """The room of a caller who talks to it."""
    call_id = uuid.uuid4()
    async with database.begin() as db_session:
        joined = JoinedAgent(call_id, agent_id, 1, f"call-{call_id}", host=host, process="p")
        await JoiningRepository(db_session).joined(joined)
    return joined.room


async def _order(database: Database, host: str) -> list[uuid.UUID]:
    async with database.begin() as db_session:
        carried = await HostRepository(db_session).carried(host)
    return [each.agent_id for each in carried if each.host == host]


async def test_agents_with_callers_are_handed_on_first(database: Database) -> None:
    here, elsewhere = (f"host-{uuid.uuid4().hex[:8]}" for _ in range(2))
    agents = [await _carried(database, here) for _ in range(10)]
    called, _, over, called_too, away, *_ = agents
    for agent_id in (called, called_too):
        await _calls(database, agent_id, here)
        await _calls(database, agent_id, here)
    await _calls(database, away, elsewhere)
    room = await _calls(database, over, here)
    async with database.begin() as db_session:
        await CallRepository(db_session).end(room, "caller left")
    order = await _order(database, here)
    assert set(order[:2]) == {called, called_too}
    assert sorted(order) == sorted(agents), "each once"
