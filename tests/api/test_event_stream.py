"""The stream of events: each once and in order, whatever happens to the API and to those who follow."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import delete

from common.events import EventKind
from common.keys import make_master_key
from db.engine import Database
from db.models import EventRow
from stack import Service, Stack, StackConfig, free_ports
from tests.api.streams import first_number, following_ones, numbers_of, publish, tell
from tests.api.test_http import problem
from tests.support.sse import Sent, following
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration


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


async def test_events_come_as_they_happen(outbox: Database, http: httpx.AsyncClient) -> None:
    agent_id = uuid.uuid4()
    async with (
        following(http) as everything,
        following(http, kinds="call.ended, deployment.*") as some,
    ):
        await _until_it_follows(outbox, everything, some)
        await tell(outbox, 1, agent_id=agent_id, call_id=uuid.uuid4())
        await tell(outbox, 2, kind=EventKind.CALL_ENDED)
        await tell(outbox, 3, kind=EventKind.WEBHOOK_TEST)
        await tell(outbox, 4, kind=EventKind.DEPLOYMENT_FAILED)
        began = time.monotonic()
        events = await following_ones(everything, 3)
        assert time.monotonic() - began < 5
        assert numbers_of(events) == [1, 2, 4]
        assert numbers_of(await following_ones(some, 2)) == [2, 4]
    first = events[0]
    assert first.kind == first.data["type"] == "call.started"
    assert first.data["id"].startswith("evt_")
    assert first.data["data"]["agentId"] == str(agent_id)


async def _until_it_follows(outbox: Database, *streams: AsyncIterator[Sent]) -> None:
    """Events are sent to those who have come; that they have, the first ones show."""
    for stream in streams:
        waiting = asyncio.ensure_future(anext(stream))
        while not waiting.done():
            await tell(outbox, 0, kind=EventKind.DEPLOYMENT_RUNNING)
            await asyncio.wait([waiting], timeout=0.3)
    await publish(outbox)
    marker = EventKind.DEPLOYMENT_STOPPED
    await tell(outbox, 0, kind=marker)
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
    await tell(outbox, *range(10))
    await publish(outbox)
    first = await first_number(outbox)
    async with following(http, first + 2) as events:
        assert numbers_of(await following_ones(events, 7)) == [3, 4, 5, 6, 7, 8, 9]
        await tell(outbox, 10)
        (last,) = await following_ones(events, 1)
        assert last.data["data"]["number"] == 10
    async with following(http, last.id) as events:
        await tell(outbox, 11)
        assert numbers_of(await following_ones(events, 1)) == [11]


async def test_a_follower_misses_nothing_across_restarts_of_the_api(
    api: Stack, outbox: Database, http: httpx.AsyncClient
) -> None:
    """Somebody tells of an event every few milliseconds, from two transactions at once; the API is restarted
    and killed meanwhile. Whoever comes back each time has seen each once, in order."""
    total = 400
    seen: list[Sent] = []
    await tell(outbox, 0)
    await publish(outbox)
    last = await first_number(outbox) - 1

    async def keep_telling(numbers: range) -> None:
        for number in numbers:
            await tell(outbox, number)
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
    tellers = [asyncio.create_task(keep_telling(range(start, total, 2))) for start in (1, 2)]
    starts = api.process("api").starts
    await api.restart("api")
    api.kill("api", 9)
    await eventually(lambda: _again(api, starts + 2), "the API again", seconds=30)
    async with asyncio.timeout(60):
        await asyncio.gather(follower, *tellers)
    ids = [each.id for each in seen]
    assert ids == sorted(set(ids))
    assert sorted(numbers_of(seen)) == list(range(total))


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
