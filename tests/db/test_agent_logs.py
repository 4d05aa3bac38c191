"""What agents log: each line once, in order, and no more than is wanted."""

from __future__ import annotations

import logging
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete

from db.engine import Database
from db.models import AgentLogRow, AgentRow
from db.repositories import agent_logs
from db.repositories.agent_logs import AgentLogRepository, LogFilter, LogLine
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.calls import CallRepository
from db.repositories.pages import Cursor

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC)


async def _agent(database: Database) -> AgentRow:
    async with database.begin() as db_session:
        slug = f"l-{uuid.uuid4().hex[:8]}"
        return await AgentRepository(db_session, database.box).create("L", slug, StoredConfig({}, {}))


def _line(agent: AgentRow, text: str, *, seconds_ago: float = 0, level: int = logging.INFO) -> LogLine:
    at = NOW - timedelta(seconds=seconds_ago)
    return LogLine(uuid.uuid4(), at, level, "host", text, slug=agent.slug)


async def _add(database: Database, *lines: LogLine) -> None:
    async with database.begin() as db_session:
        await AgentLogRepository(db_session).add(lines)


async def _texts(database: Database, agent: AgentRow, *, level: int = 0, ago: float = 1e6) -> list[str]:
    wanted = LogFilter(agent.id, NOW - timedelta(seconds=ago), level)
    async with database.begin() as db_session:
        page = await AgentLogRepository(db_session).list(wanted, None, 1000)
        return [row.text for row in page.items]


async def test_a_line_is_written_once_and_finds_its_agent_and_its_call(database: Database) -> None:
    agent, other = await _agent(database), await _agent(database)
    call_id, room = uuid.uuid4(), f"call-{uuid.uuid4()}"
    async with database.begin() as db_session:
        await CallRepository(db_session).create(call_id, agent.id, 1, room=room, identity="x", attributes={})
    lines = [
        replace(_line(agent, "of the call"), room=room),
        replace(_line(other, "of no call of this agent"), room=room),
        replace(_line(agent, "by id"), slug=None, agent_id=agent.id),
        replace(_line(agent, "of nobody"), slug="nobody"),
        replace(_line(agent, "of one that is gone"), slug=None, agent_id=uuid.uuid4()),
    ]
    await _add(database, *lines)
    await _add(database, *lines)
    async with database.begin() as db_session:
        logs = AgentLogRepository(db_session)
        mine = (await logs.list(LogFilter(agent.id, None, 0), None, 10)).items
        others = (await logs.list(LogFilter(other.id, None, 0), None, 10)).items
    assert {(row.text, row.call_id) for row in mine} == {("of the call", call_id), ("by id", None)}
    assert [(row.text, row.call_id) for row in others] == [("of no call of this agent", None)]


async def test_pages_have_every_line_once_oldest_first(database: Database) -> None:
    agent = await _agent(database)
    # Two moments only, so that the order depends on more than the time.
    await _add(database, *(_line(agent, f"{n}", seconds_ago=n % 2) for n in range(7)))
    seen: list[AgentLogRow] = []
    cursor: str | None = None
    while not seen or cursor:
        async with database.begin() as db_session:
            wanted = LogFilter(agent.id, None, 0)
            page = await AgentLogRepository(db_session).list(wanted, Cursor.decode(cursor), 2)
        seen += page.items
        cursor = page.next_cursor
    assert sorted(row.text for row in seen) == [f"{n}" for n in range(7)]
    assert [row.at for row in seen] == sorted(row.at for row in seen)


async def test_since_and_level_narrow(database: Database) -> None:
    agent = await _agent(database)
    old = _line(agent, "old", seconds_ago=60, level=logging.ERROR)
    await _add(database, old, _line(agent, "new"), _line(agent, "bad", level=logging.ERROR))
    assert set(await _texts(database, agent, ago=30)) == {"new", "bad"}
    assert set(await _texts(database, agent, level=logging.WARNING)) == {"old", "bad"}


async def test_old_lines_go_first_and_in_batches(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_logs, "BATCH", 2)
    agent = await _agent(database)
    await _add(database, *(_line(agent, f"{hours}", seconds_ago=hours * 3600) for hours in range(6)))
    deleted = []
    for _ in range(3):
        async with database.begin() as db_session:
            deleted.append(await AgentLogRepository(db_session).forget(timedelta(hours=2.5)))
    assert deleted == [2, 1, 0]
    assert await _texts(database, agent) == ["2", "1", "0"]


async def test_only_an_agent_with_too_many_lines_loses_its_oldest(database: Database) -> None:
    noisy, quiet = await _agent(database), await _agent(database)
    await _add(database, *(_line(noisy, f"{n}", seconds_ago=n) for n in range(9)))
    await _add(database, *(_line(quiet, f"{n}", seconds_ago=n) for n in range(4)))
    async with database.begin() as db_session:
        logs = AgentLogRepository(db_session)
        assert await logs.trim(4, timedelta(days=1)) >= 5
        assert await logs.trim(4, timedelta(days=1)) == 0
    assert await _texts(database, noisy) == await _texts(database, quiet) == ["3", "2", "1", "0"]


async def test_lines_go_with_their_agent(database: Database) -> None:
    agent = await _agent(database)
    await _add(database, _line(agent, "last words"))
    async with database.begin() as db_session:
        await db_session.execute(delete(AgentRow).where(AgentRow.id == agent.id))
    assert await _texts(database, agent) == []
