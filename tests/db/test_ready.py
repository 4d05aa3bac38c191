"""Statements that are compiled once and for all do what they did before."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import ARRAY, Text, Uuid, any_, bindparam, case, event, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine.interfaces import CacheStats
from sqlalchemy.exc import StatementError

from agents.record.batch import Batch
from db.engine import Database
from db.ready import ready
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.joining import JoinedAgent, JoiningRepository
from db.repositories.transcripts import CallEvent, Draft, Turn

pytestmark = pytest.mark.integration

SOME = uuid4()


@pytest.mark.parametrize("told", [{"a": [1, None], "b": "it's 10:30"}, None])
async def test_values_come_and_go_with_their_types(database: Database, told: Any) -> None:
    one, names = bindparam("one", type_=Uuid()), bindparam("names", type_=ARRAY(Text))
    given = bindparam("told", type_=JSONB())
    known = case((literal("b:c") == any_(names), literal("known")), else_=literal("not known"))
    statement = ready(select(one, given, names, known, func.coalesce(given["b"].astext, "::")))
    async with database.begin() as db_session:
        asked = {"one": SOME, "names": ["a", "b:c"], "told": told}
        found = (await db_session.execute(statement, asked)).one()
    assert tuple(found)[:4] == (SOME, told, ["a", "b:c"], "known")
    assert found[4] == (told["b"] if told else "::")


async def test_a_value_that_is_missing_is_told(database: Database) -> None:
    statement = ready(select(bindparam("one", type_=Uuid())))
    async with database.begin() as db_session:
        with pytest.raises(StatementError, match="A value is required for bind parameter 'one'"):
            await db_session.execute(statement)


async def test_nothing_is_compiled_twice_while_people_talk(database: Database) -> None:
    """It would take the event loop of a call, which carries audio."""
    compiled: list[str] = []

    def _note(_: Any, __: Any, sql: str, ___: Any, context: Any, ____: Any) -> None:
        if context.compiled is not None and context.cache_hit is not CacheStats.CACHE_HIT:
            compiled.append(sql)

    def _batch(number: int) -> Batch:
        now = datetime.now(UTC)
        turns = [Turn(f"item-{number}-{each}", "user", "hello", now) for each in range(number)]
        events = [CallEvent(10 * number + each, "agent_state", now, {"to": "x"}) for each in range(number)]
        return Batch(turns, events, [Draft("agent", "It", now)], ["user"])

    async def _talk(numbers: range) -> None:
        for number in numbers:
            async with database.begin() as db_session:
                await _batch(number).write(db_session, call_id, 1)

    call_id: UUID = uuid4()
    async with database.begin() as db_session:
        config, slug = StoredConfig({"instructions": "Be kind."}, {}), f"a-{uuid4().hex[:8]}"
        agent = await AgentRepository(db_session, database.box).create("A", slug, config)
        await JoiningRepository(db_session).joined(JoinedAgent(call_id, agent.id, 1, f"call-{call_id}"))
    await _talk(range(1, 3))
    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", _note)
    await _talk(range(3, 7))
    event.remove(engine, "before_cursor_execute", _note)
    assert compiled == []
