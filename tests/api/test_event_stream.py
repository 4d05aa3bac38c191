"""The stream of events: each once and in order, whatever happens to the API and to those who follow."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest
from litestar.response.base import ASGIResponse
from sqlalchemy import delete, update

from api.controllers import events as controller
from api.controllers.events import _Bounded
from api.postgres import Postgres
from api.services import event_stream
from api.services.event_stream import EventQuery, EventRetention, EventStream, Follower
from common.errors import InvalidInput, NoCapacity
from common.events import EventKind
from common.keys import make_master_key
from common.settings import Settings
from db.engine import Database
from db.models import EventRow
from db.repositories.events import EventFilter, EventRepository
from stack import Service, Stack, StackConfig, free_ports
from tests.api.test_http import problem
from tests.support.sse import Sent, following, read
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

ALL = EventQuery(None, None, None)


@pytest.fixture(scope="module")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """An API in a process of its own, with Postgres alone."""
    services = frozenset({Service.POSTGRES, Service.MIGRATIONS, Service.API})
    config = StackConfig(state_dir=tmp_path_factory.mktemp("api"), ports=free_ports(), services=services)
    async with Stack(config) as running:
        yield running


@pytest.fixture
async def outbox(api: Stack) -> AsyncIterator[Database]:
    """Its database, with nothing in the outbox."""
    database = Database.connect(api.database_url, make_master_key())
    async with database.begin() as db_session:
        await db_session.execute(delete(EventRow))
    yield database
    await database.close()


@pytest.fixture
async def http(api: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may follow."""
    headers = {"Authorization": f"Bearer {api.api_key}"}
    async with httpx.AsyncClient(base_url=api.api_url, headers=headers) as client:
        yield client


async def _tell(
    database: Database, *numbers: int, kind: EventKind = EventKind.CALL_STARTED, **ids: Any
) -> None:
    for number in numbers:
        async with database.begin() as db_session:
            await EventRepository(db_session).add(kind, {"number": number}, **ids)


async def _publish(database: Database) -> None:
    async with database.begin() as db_session:
        await EventRepository(db_session).publish()


async def _next(events: AsyncIterator[Sent], count: int) -> list[Sent]:
    async with asyncio.timeout(20):
        return [await anext(events) for _ in range(count)]


def _numbers(events: list[Sent]) -> list[int]:
    return [each.data["data"]["number"] for each in events]


async def test_events_come_as_they_happen(outbox: Database, http: httpx.AsyncClient) -> None:
    agent_id = uuid.uuid4()
    async with (
        following(http) as everything,
        following(http, kinds="call.ended, deployment.*") as some,
    ):
        await _until_it_follows(outbox, everything, some)
        await _tell(outbox, 1, agent_id=agent_id, call_id=uuid.uuid4())
        await _tell(outbox, 2, kind=EventKind.CALL_ENDED)
        await _tell(outbox, 3, kind=EventKind.WEBHOOK_TEST)
        await _tell(outbox, 4, kind=EventKind.DEPLOYMENT_FAILED)
        began = time.monotonic()
        events = await _next(everything, 3)
        assert time.monotonic() - began < 5
        assert _numbers(events) == [1, 2, 4]
        assert _numbers(await _next(some, 2)) == [2, 4]
    first = events[0]
    assert first.kind == first.data["type"] == "call.started"
    assert first.data["id"].startswith("evt_")
    assert first.data["data"]["agentId"] == str(agent_id)


async def _until_it_follows(outbox: Database, *streams: AsyncIterator[Sent]) -> None:
    """Events are sent to those who have come; that they have, the first ones show."""
    for stream in streams:
        waiting = asyncio.ensure_future(anext(stream))
        while not waiting.done():
            await _tell(outbox, 0, kind=EventKind.DEPLOYMENT_RUNNING)
            await asyncio.wait([waiting], timeout=0.3)
    await _publish(outbox)
    marker = EventKind.DEPLOYMENT_STOPPED
    await _tell(outbox, 0, kind=marker)
    for stream in streams:
        async with asyncio.timeout(20):
            while (await anext(stream)).kind != marker:
                pass


async def test_who_may_not_follow_and_what_can_not_be_followed(http: httpx.AsyncClient) -> None:
    for query, pointer in (({"kinds": "call.endet"}, "/kinds"), ({"kinds": ","}, "/kinds")):
        (error,) = problem(await http.get("/api/events", params=query), 400)["errors"]
        assert error["pointer"] == pointer
        assert "call.ended" in error["detail"]
    wrong = await http.get("/api/events", headers={"Last-Event-ID": "x"})
    assert problem(wrong, 400)["errors"][0]["pointer"] == "/Last-Event-ID"
    problem(await http.get("/api/events", params={"agent": "nobody"}), 404)
    problem(await http.get("/api/events", headers={"Authorization": ""}), 401)


async def test_whoever_comes_back_gets_what_it_missed(outbox: Database, http: httpx.AsyncClient) -> None:
    await _tell(outbox, *range(10))
    await _publish(outbox)
    first = await _first(outbox)
    async with following(http, first + 2) as events:
        assert _numbers(await _next(events, 7)) == [3, 4, 5, 6, 7, 8, 9]
        await _tell(outbox, 10)
        (last,) = await _next(events, 1)
        assert last.data["data"]["number"] == 10
    async with following(http, last.id) as events:
        await _tell(outbox, 11)
        assert _numbers(await _next(events, 1)) == [11]


async def _first(outbox: Database) -> int:
    async with outbox.begin() as db_session:
        return (await EventRepository(db_session).span()).first or 0


async def test_a_follower_misses_nothing_across_restarts_of_the_api(
    api: Stack, outbox: Database, http: httpx.AsyncClient
) -> None:
    """Somebody tells of an event every few milliseconds, from two transactions at once; the API is restarted
    and killed meanwhile. Whoever comes back each time has seen each once, in order."""
    total, seen = 400, []
    await _tell(outbox, 0)
    await _publish(outbox)
    last = await _first(outbox) - 1

    async def tell(numbers: range) -> None:
        for number in numbers:
            await _tell(outbox, number)
            await asyncio.sleep(0.02)

    async def follow() -> None:
        nonlocal last
        while len(seen) < total:
            try:
                async with following(http, last) as events:
                    async for event in events:
                        seen.append(event)
                        last = event.id
                        if len(seen) == total:
                            return
            except httpx.TransportError:
                await asyncio.sleep(0.05)

    follower = asyncio.create_task(follow())
    tellers = [asyncio.create_task(tell(range(start, total, 2))) for start in (1, 2)]
    starts = api.process("api").starts
    await api.restart("api")
    api.kill("api", 9)
    await eventually(lambda: _again(api, starts + 2), "the API again", seconds=30)
    async with asyncio.timeout(60):
        await asyncio.gather(follower, *tellers)
    ids = [each.id for each in seen]
    assert ids == sorted(set(ids))
    assert sorted(_numbers(seen)) == list(range(total))


async def _again(api: Stack, starts: int) -> bool:
    return api.process("api").starts >= starts


async def test_streams_end_when_the_server_ends_at_once(
    api: Stack, outbox: Database, http: httpx.AsyncClient
) -> None:
    async with following(http) as events:
        await _until_it_follows(outbox, events)
        began = time.monotonic()
        await asyncio.gather(api.stop("api"), _to_the_end(events))
        assert time.monotonic() - began < 4, "the server waits up to ten seconds for what does not end"
    await api.start("api")


async def _to_the_end(events: AsyncIterator[Sent]) -> None:
    async with asyncio.timeout(20):
        async for _ in events:
            pass


# -- without a server in between ---------------------------------------------------------------------


@asynccontextmanager
async def _flowing(api: Stack, outbox: Database) -> AsyncIterator[EventStream]:
    settings = Settings(database_url=api.database_url)
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

    async def lines() -> AsyncIterator[str]:
        async for frame in frames:
            for line in frame.decode().removesuffix("\n").split("\n"):
                yield line

    async with aclosing(lines()) as found, aclosing(cast("Any", frames)):
        yield found
    stream.leave(follower)


async def test_the_last_one_is_known_also_to_those_who_are_told_little(
    api: Stack, outbox: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.05)
    said: list[str] = []
    query = EventQuery("deployment.failed", None, None)
    async with _flowing(api, outbox) as stream, _followed(stream, query) as lines:
        await _tell(outbox, 1)
        await _publish(outbox)
        latest = await _first(outbox)
        async with asyncio.timeout(20):
            async for line in lines:
                said.append(line)
                if line == f"id: {latest}":
                    break
    assert said[:2] == ["retry: 1000", ""]
    assert not any(line.startswith("data") for line in said)


async def test_whoever_is_slow_is_cut_and_holds_up_nobody(
    api: Stack, outbox: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "QUEUE_LIMIT", 10)
    async with _flowing(api, outbox) as stream:
        slow = await stream.join(ALL)
        stalled = stream.follow(slow)
        await anext(stalled)
        waiting = asyncio.ensure_future(anext(stalled))
        async with _followed(stream) as lines:
            events = read(lines)
            both = asyncio.ensure_future(anext(events))
            await eventually(lambda: _followers(stream, 2), "two followers")
            await _tell(outbox, 0)
            await waiting  # and reads no more
            await both
            for number in range(1, 31):
                await _tell(outbox, number)
                assert _numbers(await _next(events, 1)) == [number]
        assert slow.cut
        assert len(slow.waiting) == 10
        async with asyncio.timeout(5):
            assert [frame async for frame in stalled] == [], "it ends, and its client comes back"
        last = await _first(outbox)
        async with _followed(stream, EventQuery(None, None, str(last))) as lines:
            assert _numbers(await _next(read(lines), 30)) == list(range(1, 31))


async def _followers(stream: EventStream, count: int) -> bool:
    return len(stream._followers) == count


async def test_what_is_not_kept_any_more_is_said_to_be_missing(api: Stack, outbox: Database) -> None:
    await _tell(outbox, *range(6))
    await _publish(outbox)
    first = await _first(outbox)
    async with outbox.begin() as db_session:
        old = update(EventRow).where(EventRow.number < first + 3)
        await db_session.execute(old.values(at=EventRow.at - timedelta(days=8)))
    assert await EventRetention(Postgres(outbox)).sweep() == 3
    async with _flowing(api, outbox) as stream:
        for after, kinds, ids in (
            (first, ["gap", "call.started"], [first + 2, first + 3]),
            (first + 2, ["call.started", "call.started"], [first + 3, first + 4]),
        ):
            async with _followed(stream, EventQuery(None, None, str(after))) as lines:
                events = await _next(read(lines), 2)
                assert ([each.kind for each in events], [each.id for each in events]) == (kinds, ids)
        async with _followed(stream, EventQuery(None, None, str(10**25))) as lines:
            (gap,) = await _next(read(lines), 1)
            assert (gap.kind, gap.id) == ("gap", first + 5), "of another database"
        async with outbox.begin() as db_session:
            await db_session.execute(delete(EventRow))
        async with _followed(stream, EventQuery(None, None, str(first))) as lines:
            assert (await _next(read(lines), 1))[0].kind == "gap"
        follower = await stream.join(EventQuery(None, None, str(first + 5)))
        assert not follower.gap, "it has all that there was"


async def test_there_is_an_end_to_followers(
    api: Stack, outbox: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _flowing(api, outbox) as stream:
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
