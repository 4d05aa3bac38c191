"""The outbox on a real Postgres: numbers in order, reading and forgetting."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import pytest
from sqlalchemy import update

from common.events import EventKind, wanted
from db.engine import Database
from db.models import AgentRow, EventRow
from db.repositories.calls import CallRepository
from db.repositories.events import EventFilter, EventRepository
from tests.db.outbox import ends, make_call, publish, told

pytestmark = pytest.mark.integration


async def test_numbers_are_in_the_order_in_which_events_can_be_seen(
    database: Database, agent: AgentRow
) -> None:
    """A transaction that writes first and commits last does not get a number below one that was read."""
    slow, fast = await make_call(database, agent), await make_call(database, agent)
    async with database.sessions() as db_session, db_session.begin():
        await CallRepository(db_session).end(slow[1], "slow")
        assert await ends(database, fast[1], "fast")
        assert await publish(database) == 1
    assert await publish(database) == 1
    assert await publish(database) == 0
    numbered = sorted(await told(database), key=lambda each: each.number or 0)
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

    async def keep_publishing() -> None:
        while writing or await publish(database):
            await publish(database)

    async def read() -> None:
        while len(seen) < 256:
            async with database.begin() as db_session:
                events = EventRepository(db_session)
                last = seen[-1] if seen else first
                rows = await events.read(last, 2**62, EventFilter(), 1000)
                seen.extend(row.number or 0 for row in rows)

    async with database.begin() as db_session:
        first = (await EventRepository(db_session).span()).last
    readers = [asyncio.create_task(keep_publishing()) for _ in range(4)] + [asyncio.create_task(read())]
    await asyncio.gather(*(write() for _ in range(16)))
    writing = False
    async with asyncio.timeout(30):
        await asyncio.gather(*readers)
    assert len(seen) == 256
    assert seen == sorted(set(seen))
    assert seen == sorted(each.number or 0 for each in await told(database))


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
