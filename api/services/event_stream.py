"""The stream of events: one reader of Postgres in each process, and all who follow."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from api.postgres import Postgres
from common.errors import FieldError, InvalidInput, NoCapacity, Unavailable
from common.events import is_wish, wanted, wishes
from common.settings import Settings
from db.models import EventRow
from db.notices import listen
from db.repositories.agents import AgentRepository
from db.repositories.events import CHANNEL, FORGET_BATCH, EventFilter, EventRepository, document

MOST_FOLLOWERS = 500
QUEUE_LIMIT = 256
"""Events that wait for one who is slow. Beyond it the connection ends; the follower comes back and goes on
where it was."""
HEARTBEAT_SECONDS = 15.0
POLL_SECONDS = 5.0
"""Between two looks although nothing was heard."""
PUBLISH_SECONDS = 0.25
AWAY_SECONDS = 2.0
BEGIN_SECONDS = 5.0
"""How long who comes while the API starts waits to be let in: an EventSource gives up on a refusal."""

PAGE = 200

KEPT = timedelta(days=7)
"""How long events are kept, and with them what was delivered."""

_MOST_BATCHES = 20
_EVER = 2**62
_log = logging.getLogger("bionic.api")


@dataclass(frozen=True)
class EventQuery:
    """Which events to follow, as it was asked."""

    kinds: str | None
    agent: str | None
    last_event_id: str | None


@dataclass(eq=False)
class Follower:
    """Somebody who follows: what it wants, and what waits for it."""

    wanted: EventFilter
    after: int
    """The number up to which it has all, or had when it came."""
    gap: bool = False
    """Whether what came after its last one is not kept any more, or never was here."""
    waiting: deque[bytes] = field(default_factory=deque)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    cut: bool = False

    def offer(self, row: EventRow, frame: bytes) -> None:
        """Something happened. Never waits: whoever does not keep up is cut off."""
        if row.number is None or row.number <= self.after or not self.wanted.takes(row):
            return
        if len(self.waiting) >= QUEUE_LIMIT:
            self.end()
            return
        self.waiting.append(frame)
        self.woken.set()

    def end(self) -> None:
        """Let it go."""
        self.cut = True
        self.woken.set()


class EventStream:
    """Reads the outbox in order, when Postgres says that there is something new, for all who follow.

    `closing` is set when the server is about to end: streams end first, or it would wait for them.
    """

    def __init__(self, postgres: Postgres, settings: Settings, closing: asyncio.Event) -> None:
        self.postgres = postgres
        self._settings = settings
        self._closing = closing
        self._followers: set[Follower] = set()
        self._position: int | None = None
        """The number up to which followers were given all."""
        self._woken = asyncio.Event()
        self._reading = asyncio.Event()

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Read during the block; at its end, all are let go."""
        tasks = [
            asyncio.create_task(
                listen(self._settings.database_url, CHANNEL, self._woken.set), name="notices"
            ),
            asyncio.create_task(self._keep(self._read, "events are read"), name="events"),
            asyncio.create_task(self._keep(self._publish, "events are numbered"), name="numbers"),
            asyncio.create_task(self._let_go(), name="end of streams"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._end_all()

    async def _let_go(self) -> None:
        await self._closing.wait()
        self._end_all()

    def _end_all(self) -> None:
        for follower in self._followers:
            follower.end()

    # -- reading -----------------------------------------------------------------------------------

    async def _keep(self, work: Callable[[], Awaitable[None]], what: str) -> None:
        away = False
        while True:
            try:
                await work()
                away = False
            except (SQLAlchemyError, OSError) as error:
                if not away:
                    _log.warning("%s again when Postgres answers: %s", what, type(error).__name__)
                away = True
                await asyncio.sleep(AWAY_SECONDS)
            except Exception:  # noqa: BLE001 - whatever it is, the next round may go well
                _log.exception("not all %s", what)
                await asyncio.sleep(AWAY_SECONDS)

    async def _read(self) -> None:
        """Give out what is new, then wait until something may be."""
        self._woken.clear()
        async with self.postgres.database.begin() as db_session:
            events = EventRepository(db_session)
            if self._position is None:
                self._position = (await events.span()).last
                self._reading.set()
            rows = await events.read(self._position, _EVER, EventFilter(), PAGE)
        for row in rows:
            frame = frame_of(row)
            for follower in self._followers:
                follower.offer(row, frame)
            self._position = row.number
        if len(rows) < PAGE:
            await _waited(self._woken, POLL_SECONDS)

    async def _publish(self) -> None:
        """Number what is new while somebody follows: control workers do it as well, if one is there."""
        if self._followers:
            async with self.postgres.database.begin() as db_session:
                events = EventRepository(db_session)
                if await events.are_new():
                    await events.publish()
        await asyncio.sleep(PUBLISH_SECONDS)

    # -- following ---------------------------------------------------------------------------------

    async def join(self, query: EventQuery) -> Follower:
        """Somebody who follows from now on, or from where it was.

        Raises:
            InvalidInput: a kind or the last id is none.
            NotFound: there is no such agent.
            Unavailable: nothing was read yet, or too many follow.
        """
        kinds, after = _kinds(query.kinds), _last_id(query.last_event_id)
        if len(self._followers) >= MOST_FOLLOWERS:
            raise NoCapacity("Too many follow events here. Try again in a moment.")
        await _waited(self._reading, BEGIN_SECONDS)
        async with self.postgres.begin() as db_session:
            agent_id = None
            if query.agent:
                agent_id = (await AgentRepository(db_session, self.postgres.box).get(query.agent)).id
            span = await EventRepository(db_session).span()
        if self._position is None:
            raise Unavailable("Events are not read yet. Try again in a moment.")
        wish = EventFilter(wanted(kinds), agent_id)
        if after is None:
            follower = Follower(wish, self._position)
        elif after > span.ever:
            follower = Follower(wish, self._position, gap=True)
        else:
            oldest = span.ever if span.first is None else span.first - 1
            follower = Follower(wish, max(after, oldest), gap=after < oldest)
        return follower

    def leave(self, follower: Follower) -> None:
        """It is gone."""
        self._followers.discard(follower)

    async def follow(self, follower: Follower) -> AsyncIterator[bytes]:
        """What it is sent: all that it missed, then all that happens, each once and in order."""
        yield b"retry: 1000\n\n"
        if follower.gap:
            yield b"event: gap\nid: %d\ndata: {}\n\n" % follower.after
        try:
            async for frame in self._missed(follower):
                yield frame
        except Unavailable:
            return  # it comes back
        while not follower.cut and not self._closing.is_set():
            if follower.waiting:
                yield follower.waiting.popleft()
                continue
            follower.woken.clear()
            if not await _waited(follower.woken, HEARTBEAT_SECONDS):
                # Nothing waits: all until here was sent, or is not wanted.
                yield b"id: %d\n:\n\n" % max(follower.after, self._position or 0)

    async def _missed(self, follower: Follower) -> AsyncIterator[bytes]:
        """What happened since its last one. When it has all that others were given, it is one of them."""
        while not self._closing.is_set():
            upto = self._position or 0
            if follower.after >= upto:
                self._followers.add(follower)  # no await in between: nothing is given out meanwhile
                return
            async with self.postgres.begin() as db_session:
                rows = await EventRepository(db_session).read(follower.after, upto, follower.wanted, PAGE)
            for row in rows:
                yield frame_of(row)
            follower.after = (rows[-1].number or upto) if len(rows) == PAGE else upto


def frame_of(row: EventRow) -> bytes:
    """An event as it is sent."""
    # In one line: JSON has no line breaks of its own.
    text = json.dumps(document(row), separators=(",", ":"), ensure_ascii=False)
    return f"id: {row.number}\nevent: {row.kind}\ndata: {text}\n\n".encode()


async def _waited(event: asyncio.Event, seconds: float) -> bool:
    """Whether it was set in time."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


def _kinds(said: str | None) -> list[str] | None:
    if said is None:
        return None
    kinds = [each.strip() for each in said.split(",") if each.strip()]
    wrong = [each for each in kinds if not is_wish(each)]
    if wrong or not kinds:
        cure = f"must be some of {', '.join(wishes())}, with commas in between"
        raise InvalidInput("The request is not valid.", [FieldError("/kinds", cure)])
    return kinds


def _last_id(said: str | None) -> int | None:
    if said is None or not said.strip():
        return None
    text = said.strip()
    if not (text.isascii() and text.isdigit()):
        error = FieldError("/Last-Event-ID", "must be the id of an event of this stream")
        raise InvalidInput("The request is not valid.", [error])
    return int(text[:30])


@dataclass(frozen=True)
class EventRetention:
    """Deletes events that are old."""

    postgres: Postgres

    async def sweep(self) -> int:
        """Delete them, in batches; how many there were."""
        count = 0
        for _ in range(_MOST_BATCHES):
            async with self.postgres.begin() as db_session:
                gone = await EventRepository(db_session).forget(KEPT)
            count += gone
            if gone < FORGET_BATCH:
                break
        return count
