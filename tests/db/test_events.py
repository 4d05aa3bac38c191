"""The outbox on a real Postgres: what is told, once, in the statement that changes it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, update

from common.status import CallStatus, Status
from db.engine import Database
from db.models import AgentRow, CallRow
from db.repositories.agents import AgentRepository
from db.repositories.calls import CallRepository
from db.repositories.deployments import DeploymentRepository, NewTransition
from db.repositories.recoveries import Loss, RecoveryRepository
from tests.db.outbox import ends, joins, kinds_told, make_call, told

pytestmark = pytest.mark.integration


@contextmanager
def _counted(database: Database) -> Iterator[list[str]]:
    """The statements that Postgres is asked during the block."""
    said: list[str] = []

    def note(*args: Any) -> None:
        said.append(args[2])

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_a_call_tells_its_story_once(database: Database, agent: AgentRow) -> None:
    call_id, room = await make_call(database, agent)
    await joins(database, agent, call_id)
    await joins(database, agent, call_id)  # Postgres was lost when it was committed: it is written again
    async with database.begin() as db_session:
        loss = Loss(1, "The agent's process crashed.", crashed=True)
        assert await RecoveryRepository(db_session).take_over(call_id, loss, datetime.now(UTC))
    await joins(database, agent, call_id)  # the lost one, late
    await joins(database, agent, call_id, 2)
    await joins(database, agent, call_id, 2)
    assert await ends(database, room, "x" * 5000)
    assert not await ends(database, room)
    await joins(database, agent, call_id, 2)
    started, recovered, ended = await told(database)
    assert [each.kind for each in (started, recovered, ended)] == [
        "call.started",
        "call.recovered",
        "call.ended",
    ]
    assert {(each.agent_id, each.call_id) for each in (started, recovered, ended)} == {(agent.id, call_id)}
    assert started.data == {
        "agentSlug": agent.slug,
        "version": 3,
        "room": room,
        "attempt": 1,
        "reason": None,
        "cause": None,
    }
    assert (recovered.data["attempt"], recovered.data["reason"]) == (2, "The agent's process crashed.")
    assert recovered.data["cause"] == "crashed"
    assert ended.data["status"] == "ended"
    assert ended.data["reason"] == "x" * 2000
    assert ended.data["recoveries"] == 1
    assert 0 <= ended.data["durationSeconds"] < 60
    assert datetime.fromisoformat(ended.data["endedAt"]).tzinfo is not None


async def test_a_call_without_a_token_of_ours_starts_as_well(database: Database, agent: AgentRow) -> None:
    await joins(database, agent, uuid.uuid4())
    assert await kinds_told(database) == ["call.started"]


async def test_a_first_agent_that_never_came_is_no_recovery(database: Database, agent: AgentRow) -> None:
    call_id, _ = await make_call(database, agent)
    async with database.begin() as db_session:
        await RecoveryRepository(db_session).take_over(call_id, Loss(1, "nobody came"), datetime.now(UTC))
    await joins(database, agent, call_id, 2)
    assert await kinds_told(database) == ["call.started"]


async def test_calls_that_nobody_came_to_are_told_of(database: Database, agent: AgentRow) -> None:
    _, room = await make_call(database, agent)
    async with database.begin() as db_session:
        old = update(CallRow).where(CallRow.room == room)
        await db_session.execute(old.values(created_at=CallRow.created_at - timedelta(hours=1)))
        await CallRepository(db_session).abandon(timedelta(minutes=30))
    (ended,) = await told(database)
    assert (ended.kind, ended.data["status"], ended.data["durationSeconds"]) == (
        "call.ended",
        "abandoned",
        None,
    )


async def test_a_caller_to_whom_no_agent_comes(database: Database, agent: AgentRow) -> None:
    call_id, room = await make_call(database, agent)
    for _ in range(2):
        async with database.begin() as db_session:
            recoveries = RecoveryRepository(db_session)
            calls = CallRepository(db_session)
            await recoveries.unanswered(await calls.get(call_id), "No host is there.", 5, over=True)
            await calls.end(room, "No host is there.", CallStatus.FAILED)
    unanswered, ended = await told(database)
    assert unanswered.kind == "call.unanswered"
    assert unanswered.data == {
        "agentSlug": agent.slug,
        "reason": "No host is there.",
        "cause": "not_deployed",
        "tries": 5,
        "over": True,
    }
    assert (ended.kind, ended.data["status"]) == ("call.ended", "failed")


async def test_each_transition_of_a_deployment_is_told_once(database: Database, agent: AgentRow) -> None:
    at = datetime(2026, 11, 1, tzinfo=UTC)

    def new(sequence: int, status: Status, reason: str | None = None) -> NewTransition:
        return NewTransition(sequence, at + timedelta(seconds=sequence), status, "platform", reason, 1)

    async with database.begin() as db_session:
        agents = AgentRepository(db_session, database.box)
        locked = await agents.get(str(agent.id), lock=True)
        version = await agents.publish(locked, "tester")
        deployments = DeploymentRepository(db_session)
        row, _ = await deployments.create(locked, uuid.uuid4(), version.number, 1, "tester")
    starting, running = new(2, Status.STARTING), new(3, Status.RUNNING)
    degraded = new(4, Status.DEGRADED, "LiveKit is away.")
    for transitions in ([starting, running], [starting, running], [running, degraded]):
        async with database.begin() as db_session:
            await DeploymentRepository(db_session).record(row.id, transitions)
    found = await told(database)
    assert [each.kind for each in found] == [
        f"deployment.{status}" for status in ("validating", "starting", "running", "degraded")
    ]
    assert {(each.agent_id, each.deployment_id) for each in found} == {(agent.id, row.id)}
    assert found[3].at == degraded.at
    assert found[3].data == {
        "agentSlug": agent.slug,
        "version": 1,
        "kind": "deploy",
        "status": "degraded",
        "reason": "LiveKit is away.",
        "actor": "platform",
        "attempt": 1,
    }
    assert found[0].data.keys() == found[3].data.keys()


async def test_what_is_undone_is_not_told(database: Database, agent: AgentRow) -> None:
    _, room = await make_call(database, agent)
    async with database.sessions() as db_session:
        await CallRepository(db_session).end(room, "caller left")
        await db_session.rollback()
    assert await kinds_told(database) == []


async def test_telling_costs_a_call_no_statement(database: Database, agent: AgentRow) -> None:
    call_id, room = await make_call(database, agent)
    with _counted(database) as said:
        await joins(database, agent, call_id)
        await ends(database, room)
    assert len(said) == 2
    assert await kinds_told(database) == ["call.started", "call.ended"]
