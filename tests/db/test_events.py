"""The outbox on a real Postgres: what is told, once, in the statement that changes it; numbers in order."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, event, select, update

from common.events import EventKind, wanted
from common.status import CallStatus, Status
from db.engine import Database
from db.models import AgentRow, CallRow, EventRow
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.calls import CallRepository
from db.repositories.deployments import DeploymentRepository, NewTransition
from db.repositories.events import EventFilter, EventRepository
from db.repositories.recoveries import JoinedAgent, Loss, RecoveryRepository

pytestmark = pytest.mark.integration


@pytest.fixture
async def agent(database: Database) -> AgentRow:
    """An agent, and an empty outbox."""
    async with database.begin() as db_session:
        await db_session.execute(delete(EventRow))
        slug = f"e-{uuid.uuid4().hex[:8]}"
        return await AgentRepository(db_session, database.box).create("E", slug, StoredConfig({}, {}))


async def _call(database: Database, agent: AgentRow) -> tuple[uuid.UUID, str]:
    call_id = uuid.uuid4()
    async with database.begin() as db_session:
        calls = CallRepository(db_session)
        await calls.create(call_id, agent.id, 3, room=f"call-{call_id}", identity="caller", attributes={})
    return call_id, f"call-{call_id}"


async def _joins(database: Database, agent: AgentRow, call_id: uuid.UUID, attempt: int = 1) -> None:
    async with database.begin() as db_session:
        joined = JoinedAgent(call_id, agent.id, 3, f"call-{call_id}", attempt)
        await RecoveryRepository(db_session).joined(joined)


async def _ends(database: Database, room: str, reason: str = "caller left", **more: Any) -> bool:
    async with database.begin() as db_session:
        return await CallRepository(db_session).end(room, reason, **more)


async def _told(database: Database) -> list[EventRow]:
    async with database.begin() as db_session:
        return list((await db_session.execute(select(EventRow).order_by(EventRow.id))).scalars())


async def _kinds(database: Database) -> list[str]:
    return [each.kind for each in await _told(database)]


async def _publish(database: Database) -> int:
    async with database.begin() as db_session:
        return await EventRepository(db_session).publish()


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
    call_id, room = await _call(database, agent)
    await _joins(database, agent, call_id)
    await _joins(database, agent, call_id)  # Postgres was lost when it was committed: it is written again
    async with database.begin() as db_session:
        loss = Loss(1, "The agent's process crashed.", crashed=True)
        assert await RecoveryRepository(db_session).take_over(call_id, loss, datetime.now(UTC))
    await _joins(database, agent, call_id)  # the lost one, late
    await _joins(database, agent, call_id, 2)
    await _joins(database, agent, call_id, 2)
    assert await _ends(database, room, "x" * 5000)
    assert not await _ends(database, room)
    await _joins(database, agent, call_id, 2)
    started, recovered, ended = await _told(database)
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
    }
    assert (recovered.data["attempt"], recovered.data["reason"]) == (2, "The agent's process crashed.")
    assert ended.data["status"] == "ended"
    assert ended.data["reason"] == "x" * 2000
    assert ended.data["recoveries"] == 1
    assert 0 <= ended.data["durationSeconds"] < 60
    assert datetime.fromisoformat(ended.data["endedAt"]).tzinfo is not None


async def test_a_call_without_a_token_of_ours_starts_as_well(database: Database, agent: AgentRow) -> None:
    await _joins(database, agent, uuid.uuid4())
    assert await _kinds(database) == ["call.started"]


async def test_a_first_agent_that_never_came_is_no_recovery(database: Database, agent: AgentRow) -> None:
    call_id, _ = await _call(database, agent)
    async with database.begin() as db_session:
        await RecoveryRepository(db_session).take_over(call_id, Loss(1, "nobody came"), datetime.now(UTC))
    await _joins(database, agent, call_id, 2)
    assert await _kinds(database) == ["call.started"]


async def test_calls_that_nobody_came_to_are_told_of(database: Database, agent: AgentRow) -> None:
    _, room = await _call(database, agent)
    async with database.begin() as db_session:
        old = update(CallRow).where(CallRow.room == room)
        await db_session.execute(old.values(created_at=CallRow.created_at - timedelta(hours=1)))
        await CallRepository(db_session).abandon(timedelta(minutes=30))
    (ended,) = await _told(database)
    assert (ended.kind, ended.data["status"], ended.data["durationSeconds"]) == (
        "call.ended",
        "abandoned",
        None,
    )


async def test_a_caller_to_whom_no_agent_comes(database: Database, agent: AgentRow) -> None:
    call_id, room = await _call(database, agent)
    for _ in range(2):
        async with database.begin() as db_session:
            recoveries = RecoveryRepository(db_session)
            calls = CallRepository(db_session)
            await recoveries.unanswered(await calls.get(call_id), "No host is there.", 5, over=True)
            await calls.end(room, "No host is there.", CallStatus.FAILED)
    unanswered, ended = await _told(database)
    assert unanswered.kind == "call.unanswered"
    assert unanswered.data == {
        "agentSlug": agent.slug,
        "reason": "No host is there.",
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
    found = await _told(database)
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
    _, room = await _call(database, agent)
    async with database.sessions() as db_session:
        await CallRepository(db_session).end(room, "caller left")
        await db_session.rollback()
    assert await _kinds(database) == []


async def test_telling_costs_a_call_no_statement(database: Database, agent: AgentRow) -> None:
    call_id, room = await _call(database, agent)
    with _counted(database) as said:
        await _joins(database, agent, call_id)
        await _ends(database, room)
    assert len(said) == 2
    assert await _kinds(database) == ["call.started", "call.ended"]


async def test_numbers_are_in_the_order_in_which_events_can_be_seen(
    database: Database, agent: AgentRow
) -> None:
    """A transaction that writes first and commits last does not get a number below one that was read."""
    slow, fast = await _call(database, agent), await _call(database, agent)
    async with database.sessions() as db_session, db_session.begin():
        await CallRepository(db_session).end(slow[1], "slow")
        assert await _ends(database, fast[1], "fast")
        assert await _publish(database) == 1
    assert await _publish(database) == 1
    assert await _publish(database) == 0
    numbered = sorted(await _told(database), key=lambda each: each.number or 0)
    assert [each.data["reason"] for each in numbered] == ["fast", "slow"]
    assert numbered[0].id > numbered[1].id


async def test_one_at_a_time_gives_numbers_and_whoever_reads_misses_none(
    database: Database, agent: AgentRow
) -> None:
    """Sixteen write, four publish, one reads what is there and goes on from the last that it saw."""
    seen: list[int] = []
    writing = True

    async def write() -> None:
        for _ in range(8):
            async with database.begin() as db_session:
                events = EventRepository(db_session)
                await events.add(EventKind.CALL_STARTED, {}, agent_id=agent.id)
                await events.add(EventKind.CALL_ENDED, {}, agent_id=agent.id)

    async def publish() -> None:
        while writing or await _publish(database):
            await _publish(database)

    async def read() -> None:
        while len(seen) < 256:
            async with database.begin() as db_session:
                events = EventRepository(db_session)
                last = seen[-1] if seen else first
                rows = await events.read(last, 2**62, EventFilter(), 1000)
                seen.extend(row.number or 0 for row in rows)

    async with database.begin() as db_session:
        first = (await EventRepository(db_session).span()).last
    readers = [asyncio.create_task(publish()) for _ in range(4)] + [asyncio.create_task(read())]
    await asyncio.gather(*(write() for _ in range(16)))
    writing = False
    async with asyncio.timeout(30):
        await asyncio.gather(*readers)
    assert len(seen) == 256
    assert seen == sorted(set(seen))
    assert seen == sorted(each.number or 0 for each in await _told(database))


async def test_reading_by_kind_and_agent(database: Database, agent: AgentRow) -> None:
    other = uuid.uuid4()
    async with database.begin() as db_session:
        events = EventRepository(db_session)
        for kind, agent_id in (
            (EventKind.CALL_STARTED, agent.id),
            (EventKind.DEPLOYMENT_RUNNING, agent.id),
            (EventKind.CALL_STARTED, other),
            (EventKind.WEBHOOK_TEST, None),
        ):
            await events.add(kind, {}, agent_id=agent_id)
        assert await events.are_new()
        assert await events.publish() == 4
        assert not await events.are_new()
        upto = (await events.span()).last
        calls = EventFilter(wanted(["call.*"]))
        for filtered, count in (
            (calls, 2),
            (EventFilter(agent_id=agent.id), 2),
            (EventFilter(wanted(["deployment.running"]), other), 0),
            (EventFilter(), 3),
        ):
            rows = await events.read(upto - 4, upto, filtered, 10)
            assert len(rows) == count
            assert all(filtered.takes(row) for row in rows)
        assert len(await events.read(upto - 4, upto, calls, 1)) == 1


async def test_old_events_are_forgotten_and_new_ones_are_not(database: Database, agent: AgentRow) -> None:
    async with database.begin() as db_session:
        events = EventRepository(db_session)
        for _ in range(3):
            await events.add(EventKind.CALL_STARTED, {}, agent_id=agent.id)
        await events.publish()
        first = (await events.span()).first or 0
        old = update(EventRow).where(EventRow.number <= first + 1)
        await db_session.execute(old.values(at=EventRow.at - timedelta(days=8)))
        await events.add(EventKind.CALL_ENDED, {}, agent_id=agent.id)
        assert await events.forget(timedelta(days=7)) == 2
        assert await events.forget(timedelta(days=7)) == 0
        assert (await events.span()).first == first + 2
