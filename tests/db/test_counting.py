"""Calls are counted once, whatever happens to them; figures are the same before and after."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from agents.config import AgentConfig, split_secrets
from common.status import CallStatus
from db.engine import Database
from db.models import AgentRow, CallCountRow, CallMeasureRow, CallRow
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.calls import CallRepository
from db.repositories.counting import CountingRepository
from db.repositories.measured import PLATFORM
from db.repositories.spans import Range
from db.repositories.stats import StatsRepository, Tallies
from db.repositories.transcripts import TranscriptRepository, Turn

pytestmark = pytest.mark.integration

CONFIG = StoredConfig(*split_secrets(AgentConfig(instructions="Help.")))
NOW = datetime.now(UTC)
AT_ONCE = timedelta()
LATENCIES = {"e2e_latency": 1.5, "llm_node_ttft": 0.3, "transcription_delay": 0.0}


async def _agent(database: Database) -> AgentRow:
    async with database.begin() as db_session:
        return await AgentRepository(db_session, database.box).create(
            "A", f"a-{uuid.uuid4().hex[:8]}", CONFIG
        )


async def _call(database: Database, agent: AgentRow, **more: Any) -> CallRow:
    """A call of ten minutes ago that lasted 60 s, with three turns."""
    at = more.pop("created_at", NOW - timedelta(minutes=30))
    values = {
        "status": CallStatus.ENDED,
        "version": 1,
        "created_at": at,
        "caller_joined_at": at + timedelta(seconds=1),
        "started_at": at + timedelta(seconds=1.5),
        "ended_at": at + timedelta(seconds=61.5),
        "identity": "ada",
    }
    row = CallRow(agent_id=agent.id, room=f"call-{uuid.uuid4()}", **(values | more))
    async with database.begin() as db_session:
        db_session.add(row)
    await _say(database, row.id, "1", "2", "3")
    return row


async def _say(database: Database, call_id: uuid.UUID, *items: str) -> None:
    async with database.begin() as db_session:
        turns = [Turn(item, "agent", "Hello", NOW, interrupted=False, **LATENCIES) for item in items]
        await TranscriptRepository(db_session).add_turns(call_id, 1, turns)


async def _count(database: Database) -> int:
    total = 0
    while True:
        async with database.begin() as db_session:
            count = await CountingRepository(db_session).count(2, AT_ONCE)
        total += count
        if not count:
            return total


async def _figures(database: Database, agent_id: uuid.UUID | None, days: int = 1) -> Tallies:
    async with database.begin() as db_session:
        range_ = Range.around(NOW - timedelta(days=days), NOW, NOW)
        found = await StatsRepository(db_session).tallies(range_, agent_id)
    for tally in (*found.days.values(), *found.versions.values()):
        tally.seconds = round(tally.seconds, 6)  # the last digits of a sum depend on its order
    return found


async def _is_counted(database: Database, call_id: uuid.UUID) -> int | None:
    async with database.begin() as db_session:
        statement = select(CallRow.turn_count).where(CallRow.id == call_id)
        return (await db_session.execute(statement)).scalar_one()


async def test_figures_are_the_same_before_and_after_counting(database: Database) -> None:
    agent = await _agent(database)
    for minutes, more in (
        (30, {}),
        (40, {"status": CallStatus.FAILED, "attempt": 3, "crashes": 1, "version": 2}),
        (50, {"status": CallStatus.ABANDONED, "started_at": None, "version": None}),
        (60 * 20, {"caller_joined_at": None}),
    ):
        await _call(database, agent, created_at=NOW - timedelta(minutes=minutes), **more)
    going = await _call(database, agent, status=CallStatus.ACTIVE, ended_at=None)
    before = [await _figures(database, agent.id), await _figures(database, None)]
    assert await _count(database) >= 4
    after = [await _figures(database, agent.id), await _figures(database, None)]
    assert before == after
    whole = after[0].whole
    assert whole.calls == 5
    assert {key: whole.sums[key] for key in ("ended", "failed", "abandoned", "active")} == {
        "ended": 2,
        "failed": 1,
        "abandoned": 1,
        "active": 1,
    }
    assert (whole.sums["recovered"], whole.sums["recoveries"], whole.sums["crashes"]) == (1, 2, 1)
    assert (whole.sums["turns"], whole.seconds) == (15, 180)
    assert whole.measures["duration"].percentiles(0.95)[0] == pytest.approx(60, rel=0.025)
    assert whole.measures["join_time"].percentiles(0)[0] == pytest.approx(0.5, rel=0.025)
    assert whole.measures["join_time"].total == 3
    assert whole.measures["e2e_latency"].percentiles(0.99)[0] == pytest.approx(1.5, rel=0.025)
    assert whole.measures["end_of_turn_delay"].percentiles(0.5)[0] is None
    assert whole.measures["transcription_delay"].total == 15
    assert set(after[0].versions) == {0, 1, 2}
    assert sum(day.calls for day in after[0].days.values()) == 5
    assert await _is_counted(database, going.id) is None


async def test_what_is_said_late_is_counted_too(database: Database) -> None:
    agent = await _agent(database)
    call = await _call(database, agent)
    await _count(database)
    assert await _is_counted(database, call.id) == 3
    await _say(database, call.id, "4")
    assert await _is_counted(database, call.id) is None
    assert (await _figures(database, agent.id)).whole.sums["turns"] == 4
    await _count(database)
    assert (await _figures(database, agent.id)).whole.sums["turns"] == 4
    assert (await _figures(database, agent.id)).whole.calls == 1


async def test_a_caller_who_comes_back_is_not_counted_twice(database: Database) -> None:
    agent = await _agent(database)
    call = await _call(database, agent)
    await _count(database)
    async with database.begin() as db_session:
        assert await CallRepository(db_session).caller_came(call.room, "ada", datetime.now(UTC)) == call.id
    whole = (await _figures(database, agent.id)).whole
    assert (whole.calls, whole.sums["recovering"], whole.seconds) == (1, 1, 0)
    async with database.begin() as db_session:
        await CallRepository(db_session).end(call.room, "over again")
    await _count(database)
    whole = (await _figures(database, agent.id)).whole
    assert (whole.calls, whole.sums["ended"]) == (1, 1)


async def test_those_who_count_at_once_count_once(database: Database) -> None:
    agent = await _agent(database)
    for _ in range(10):
        await _call(database, agent)
    await asyncio.gather(*(_count(database) for _ in range(4)))
    await _count(database)
    async with database.begin() as db_session:
        statement = select(func.sum(CallCountRow.ended)).where(CallCountRow.agent_id == agent.id)
        by_span = statement.add_columns(CallCountRow.span).group_by(CallCountRow.span)
        found = {span: int(count) for count, span in await db_session.execute(by_span)}
    assert found == {"hour": 10, "day": 10}


async def _written_meanwhile(database: Database, call_id: uuid.UUID) -> Callable[[], Awaitable[None]]:
    """A transaction that adds a turn to a call and is not over; call what is returned to commit it."""
    written, go_on = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with database.begin() as db_session:
            turn = Turn("late", "user", "Wait", NOW, interrupted=False, **LATENCIES)
            await TranscriptRepository(db_session).add_turns(call_id, 1, [turn])
            written.set()
            await go_on.wait()

    task = asyncio.create_task(write())
    await written.wait()

    async def commit() -> None:
        go_on.set()
        await task

    return commit


async def test_a_call_that_is_being_written_to_waits(database: Database) -> None:
    agent = await _agent(database)
    call = await _call(database, agent)
    commit = await _written_meanwhile(database, call.id)
    await _count(database)
    assert await _is_counted(database, call.id) is None
    await commit()
    await _count(database)
    assert await _is_counted(database, call.id) == 4


async def test_a_call_that_was_just_over_is_not_counted_yet(database: Database) -> None:
    agent = await _agent(database)
    call = await _call(database, agent, ended_at=datetime.now(UTC))
    async with database.begin() as db_session:
        await CountingRepository(db_session).count(1000)
    assert await _is_counted(database, call.id) is None


async def test_counts_outlive_an_agent(database: Database) -> None:
    agent = await _agent(database)
    await _call(database, agent)
    before = (await _figures(database, None)).whole.calls
    async with database.begin() as db_session:
        agents = AgentRepository(db_session, database.box)
        await agents.delete(await agents.get(str(agent.id)))
    assert (await _figures(database, None)).whole.calls == before


async def test_old_hours_are_forgotten_and_their_days_stay(database: Database) -> None:
    agent = await _agent(database)
    await _call(database, agent, created_at=NOW - timedelta(days=20))
    await _count(database)
    async with database.begin() as db_session:
        await CountingRepository(db_session).forget_hours()
        for table in (CallCountRow, CallMeasureRow):
            spans = select(table.span).where(table.agent_id == agent.id).distinct()
            assert list((await db_session.execute(spans)).scalars()) == ["day"]
    assert (await _figures(database, agent.id, days=30)).whole.calls == 1
    assert (await _figures(database, agent.id, days=1)).whole.calls == 0


async def test_strange_durations_are_left_out(database: Database) -> None:
    agent = await _agent(database)
    call = await _call(database, agent, ended_at=NOW - timedelta(days=400))
    async with database.begin() as db_session:
        turns = [
            Turn(str(number), "agent", "x", NOW, e2e_latency=value)
            for number, value in enumerate([float("nan"), float("inf"), -1.0, 1e-9, 1e300], 10)
        ]
        await TranscriptRepository(db_session).add_turns(call.id, 1, turns)
        past = update(CallRow).where(CallRow.id == call.id).values(started_at=NOW)
        await db_session.execute(past)
    await _count(database)
    whole = (await _figures(database, agent.id)).whole
    assert (whole.measures["duration"].total, whole.measures["e2e_latency"].total) == (0, 4)


async def test_the_platform_is_all_agents(database: Database) -> None:
    await _count(database)
    async with database.begin() as db_session:
        sums = select(func.sum(CallCountRow.turns), func.sum(CallCountRow.ended))
        days = sums.where(CallCountRow.span == "day")
        agents = (await db_session.execute(days.where(CallCountRow.agent_id != PLATFORM))).one()
        platform = (await db_session.execute(days.where(CallCountRow.agent_id == PLATFORM))).one()
    assert tuple(agents) == tuple(platform)
