"""Those who follow the stream, without a server in between: slow ones, late ones, too many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import pytest
from litestar.response.base import ASGIResponse
from sqlalchemy import delete, update

from api.controllers import events as controller
from api.controllers.events import _Bounded
from api.postgres import Postgres
from api.services import event_stream
from api.services.event_stream import EventQuery, EventRetention, EventStream, Follower
from common.errors import InvalidInput, NoCapacity
from common.settings import Settings
from db.engine import Database
from db.models import EventRow
from db.repositories.events import EventFilter
from tests.api.streams import first_number, following_ones, numbers_of, publish, tell
from tests.support.sse import read
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

ALL = EventQuery(None, None, None)


@pytest.fixture
async def outbox(database: Database) -> Database:
    """A database with nothing in the outbox."""
    async with database.begin() as db_session:
        await db_session.execute(delete(EventRow))
    return database


@asynccontextmanager
async def _flowing(database_url: str, outbox: Database) -> AsyncIterator[EventStream]:
    settings = Settings(database_url=database_url)
    stream = EventStream(Postgres(outbox), settings, asyncio.Event())
    async with stream.flowing():

        async def reads() -> bool:
            return stream._position is not None

        await eventually(reads, "the stream to be read")
        yield stream


@asynccontextmanager
async def _followed(stream: EventStream, query: EventQuery = ALL) -> AsyncIterator[AsyncIterator[str]]:
    """The lines that a follower is sent."""
    follower = await stream.join(query)
    frames = stream.follow(follower)

    async def lines() -> AsyncGenerator[str]:
        async for frame in frames:
            for line in frame.decode().removesuffix("\n").split("\n"):
                yield line

    async with aclosing(lines()) as found, aclosing(cast("Any", frames)):
        yield found
    stream.leave(follower)


async def test_the_last_one_is_known_also_to_those_who_are_told_little(
    database_url: str, outbox: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.05)
    said: list[str] = []
    query = EventQuery("deployment.failed", None, None)
    async with _flowing(database_url, outbox) as stream, _followed(stream, query) as lines:
        await tell(outbox, 1)
        await publish(outbox)
        latest = await first_number(outbox)
        async with asyncio.timeout(20):
            async for line in lines:
                said.append(line)
                if line == f"id: {latest}":
                    break
    assert said[:2] == ["retry: 1000", ""]
    assert not any(line.startswith("data") for line in said)


async def test_whoever_is_slow_is_cut_and_holds_up_nobody(
    database_url: str, outbox: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "QUEUE_LIMIT", 10)
    async with _flowing(database_url, outbox) as stream:
        slow = await stream.join(ALL)
        stalled = stream.follow(slow)
        await anext(stalled)
        waiting = asyncio.ensure_future(anext(stalled))
        async with _followed(stream) as lines:
            events = read(lines)
            both = asyncio.ensure_future(anext(events))
            await eventually(lambda: _followers(stream, 2), "two followers")
            await tell(outbox, 0)
            await waiting  # and reads no more
            await both
            for number in range(1, 31):
                await tell(outbox, number)
                assert numbers_of(await following_ones(events, 1)) == [number]
        assert slow.cut
        assert len(slow.waiting) == 10
        async with asyncio.timeout(5):
            assert [frame async for frame in stalled] == [], "it ends, and its client comes back"
        last = await first_number(outbox)
        async with _followed(stream, EventQuery(None, None, str(last))) as lines:
            assert numbers_of(await following_ones(read(lines), 30)) == list(range(1, 31))


async def _followers(stream: EventStream, count: int) -> bool:
    return len(stream._followers) == count


async def test_what_is_not_kept_any_more_is_said_to_be_missing(database_url: str, outbox: Database) -> None:
    await tell(outbox, *range(6))
    await publish(outbox)
    first = await first_number(outbox)
    async with outbox.begin() as db_session:
        old = update(EventRow).where(EventRow.number < first + 3)
        await db_session.execute(old.values(at=EventRow.at - timedelta(days=8)))
    assert await EventRetention(Postgres(outbox)).sweep() == 3
    async with _flowing(database_url, outbox) as stream:
        for after, kinds, ids in (
            (first, ["gap", "call.started"], [first + 2, first + 3]),
            (first + 2, ["call.started", "call.started"], [first + 3, first + 4]),
        ):
            async with _followed(stream, EventQuery(None, None, str(after))) as lines:
                events = await following_ones(read(lines), 2)
                assert ([each.kind for each in events], [each.id for each in events]) == (kinds, ids)
        async with _followed(stream, EventQuery(None, None, str(10**25))) as lines:
            (gap,) = await following_ones(read(lines), 1)
            assert (gap.kind, gap.id) == ("gap", first + 5), "of another database"
        async with outbox.begin() as db_session:
            await db_session.execute(delete(EventRow))
        async with _followed(stream, EventQuery(None, None, str(first))) as lines:
            assert (await following_ones(read(lines), 1))[0].kind == "gap"
        follower = await stream.join(EventQuery(None, None, str(first + 5)))
        assert not follower.gap, "it has all that there was"


async def test_there_is_an_end_to_followers(
    database_url: str, outbox: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _flowing(database_url, outbox) as stream:
        monkeypatch.setattr(event_stream, "MOST_FOLLOWERS", 0)
        with pytest.raises(NoCapacity):
            await stream.join(ALL)
        monkeypatch.undo()
        with pytest.raises(InvalidInput):
            await stream.join(EventQuery(None, None, "-1"))


@pytest.mark.unit
async def test_a_reader_that_does_not_read_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller, "WRITE_SECONDS", 0.05)
    left: list[Follower] = []

    class Stream:
        def leave(self, follower: Follower) -> None:
            left.append(follower)

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(send({"type": "http.response.body", "body": b"x", "more_body": True}))

    async def stuck(_message: Any) -> None:
        await asyncio.sleep(60)

    follower = Follower(EventFilter(), 0)
    bounded = _Bounded(cast("ASGIResponse", answer), cast("EventStream", Stream()), follower)
    async with asyncio.timeout(5):
        await bounded(cast("Any", {}), cast("Any", None), stuck)
    assert left == [follower]
