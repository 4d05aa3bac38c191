"""What came of steps after calls, on a real Postgres: it is told once, and again when it is done again."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from common.causes import Cause
from common.events import EventKind
from db.engine import Database
from db.models import EventRow
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.analyses import DONE, AnalysisRepository, Outcome
from db.repositories.calls import CallRepository
from db.repositories.events import EventRepository

pytestmark = pytest.mark.integration

NOT_TOLD = "Nobody finished it."


@pytest.fixture
async def call_id(database: Database) -> uuid.UUID:
    """A call, and an empty outbox."""
    found = uuid.uuid4()
    async with database.begin() as db_session:
        await db_session.execute(delete(EventRow))
        slug = f"a-{found.hex[:8]}"
        agent = await AgentRepository(db_session, database.box).create("A", slug, StoredConfig({}, {}))
        calls = CallRepository(db_session)
        await calls.create(found, agent.id, 3, room=f"call-{found}", identity="caller", attributes={})
    return found


async def _conclude(database: Database, call_id: uuid.UUID, *steps: str) -> None:
    async with database.begin() as db_session:
        await AnalysisRepository(db_session).conclude(call_id, steps, NOT_TOLD)


async def _told(database: Database) -> list[EventRow]:
    async with database.begin() as db_session:
        return list((await db_session.execute(select(EventRow).order_by(EventRow.id))).scalars())


async def test_what_came_of_steps_is_told_once(database: Database, call_id: uuid.UUID) -> None:
    async with database.begin() as db_session:
        analyses = AnalysisRepository(db_session)
        number = await analyses.begin(call_id, "summary")
        await analyses.begin(call_id, "cost")
        await analyses.begin(call_id, "scores")
        assert await analyses.end(call_id, "summary", number, Outcome(DONE, {"summary": "An order."}))
    for _ in range(2):
        await _conclude(database, call_id, "summary", "cost")
    (told,) = await _told(database)
    assert (told.kind, told.call_id) == (EventKind.CALL_ANALYZED, call_id)
    assert told.data["steps"] == {"summary": "done", "cost": "failed"}
    assert (told.data["version"], told.data["room"]) == (3, f"call-{call_id}")
    assert "An order." not in str(told.data), "nothing that was said"
    async with database.begin() as db_session:
        rows = {row.step: row for row in await AnalysisRepository(db_session).of(call_id)}
    assert (rows["cost"].error, rows["scores"].state) == (NOT_TOLD, "running")


async def test_what_is_done_again_is_told_again(database: Database, call_id: uuid.UUID) -> None:
    for _ in range(2):
        async with database.begin() as db_session:
            await AnalysisRepository(db_session).begin(call_id, "cost")
        await _conclude(database, call_id, "cost")
    assert [each.data["steps"] for each in await _told(database)] == [{"cost": "failed"}] * 2


async def test_of_a_call_that_was_deleted_nothing_is_told(database: Database, call_id: uuid.UUID) -> None:
    await _conclude(database, uuid.uuid4(), "cost")
    await _conclude(database, call_id, "cost")
    assert await _told(database) == []


async def test_calls_in_trouble_are_counted_for_a_day(database: Database, call_id: uuid.UUID) -> None:
    lost, full, new = ({"cause": cause} for cause in ("lost", "full", "of a later version"))
    recovered, unanswered = EventKind.CALL_RECOVERED, EventKind.CALL_UNANSWERED
    known = [(recovered, lost), (recovered, lost), (unanswered, full)]
    unknown = [(unanswered, new), (unanswered, {})]
    async with database.begin() as db_session:
        events = EventRepository(db_session)
        for kind, data in [*known, *unknown, (EventKind.CALL_STARTED, {})]:
            await events.add(kind, data, call_id=call_id)
        old = await events.add(EventKind.CALL_UNANSWERED, {}, call_id=call_id)
        await db_session.execute(
            update(EventRow).where(EventRow.id == old.id).values(at=EventRow.at - timedelta(days=2))
        )
        assert await events.trouble(timedelta(days=1)) == {
            ("call.recovered", Cause.LOST): 2,
            ("call.unanswered", Cause.FULL): 1,
            ("call.unanswered", Cause.UNKNOWN): 2,
        }
