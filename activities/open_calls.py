"""Calls that Postgres holds open or waits for, and whether LiveKit has their rooms."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import aiohttp
from livekit import api

from activities.rooms import Room
from common.errors import BionicError
from common.livekit import LiveKitCredentials
from common.livekit_server import if_there, livekit_server
from common.settings import Settings
from db.engine import Database
from db.repositories.calls import CallRepository
from db.repositories.drifts import DriftRepository, OpenCall
from db.repositories.placements import PlacementRepository
from workflows.reconcile_types import Drift, Repair

AGE = timedelta(minutes=1)
"""Younger calls are left alone: their rooms may be new."""

YOUNG = timedelta(seconds=15)
"""After that, LiveKit has told of a caller who came with the token at once, if it tells at all."""

PAGE = 500
ASK_SECONDS = 5.0
AT_ONCE = 8
"""Rooms that are looked into at the same time."""

REASON = "its room is gone"

_Server = tuple[str, str] | None
_Pages = Callable[
    [DriftRepository, timedelta, UUID | None, int, Sequence[UUID] | None], Awaitable[list[OpenCall]]
]


@dataclass
class RoomCheck:
    """Asks every LiveKit server that open calls are on for their rooms, a page at a time."""

    database: Database
    settings: Settings
    http: aiohttp.ClientSession
    beat: Callable[[], None]
    page: int = PAGE
    seen: int = 0
    troubles: dict[_Server, str] = field(default_factory=dict)
    """Servers that did not answer: they are not asked again in this round."""
    _credentials: dict[_Server, LiveKitCredentials] = field(default_factory=dict)

    async def roomless(self, only: Sequence[UUID] | None = None) -> list[OpenCall]:
        """Calls that go on without a room, of `only` those where they are given."""
        return await self._found(DriftRepository.open_calls, AGE, only, room=False)

    async def entered(self, only: Sequence[UUID] | None = None) -> list[OpenCall]:
        """Calls with a room to which nobody has come, as far as LiveKit's webhooks told: they are lost, or
        nobody has LiveKit send them."""
        return await self._found(DriftRepository.unmet_calls, YOUNG, only, room=True)

    async def meet(self, calls: Sequence[OpenCall]) -> None:
        """Note the callers in their rooms, as if LiveKit had told of them; some rooms at a time."""
        turn = asyncio.Semaphore(AT_ONCE)

        async def _one(call: OpenCall) -> None:
            async with turn:
                await self._meet(call)

        await asyncio.gather(*(_one(call) for call in calls))

    async def _meet(self, call: OpenCall) -> None:
        if call.server in self.troubles:
            return
        self.beat()
        request, room, at = api.ListParticipantsRequest(room=call.room), Room([], {}), datetime.now(UTC)
        try:
            credentials = await self._of(call.server, call)
            async with livekit_server(credentials, self.http) as client, asyncio.timeout(ASK_SECONDS):
                with if_there():
                    room = Room.of((await client.room.list_participants(request)).participants)
        except BionicError as error:
            self.troubles[call.server] = error.message
        async with self.database.begin() as db_session:
            for caller in room.callers:
                await CallRepository(db_session).caller_came(call.room, caller, at)

    async def _found(
        self, page_of: _Pages, age: timedelta, only: Sequence[UUID] | None, *, room: bool
    ) -> list[OpenCall]:
        """Those that have a `room`, or have none."""
        found: list[OpenCall] = []
        after: UUID | None = None
        while True:
            async with self.database.begin() as db_session:
                calls = await page_of(DriftRepository(db_session), age, after, self.page, only)
            self.seen += len(calls)
            servers = {call.server for call in calls}
            for server in sorted(servers, key=str):
                self.beat()
                theirs = [call for call in calls if call.server == server]
                found += await self._asked(server, theirs, room=room)
            if len(calls) < self.page:
                return found
            after = calls[-1].id

    async def _asked(self, server: _Server, calls: list[OpenCall], *, room: bool) -> list[OpenCall]:
        if server in self.troubles:
            return []
        try:
            credentials = await self._of(server, calls[0])
            async with livekit_server(credentials, self.http) as client, asyncio.timeout(ASK_SECONDS):
                wanted = api.ListRoomsRequest(names=[call.room for call in calls])
                there = {each.name for each in (await client.room.list_rooms(wanted)).rooms}
        except BionicError as error:
            self.troubles[server] = error.message
            return []
        return [call for call in calls if (call.room in there) is room]

    async def _of(self, server: _Server, call: OpenCall) -> LiveKitCredentials:
        if server not in self._credentials:
            async with self.database.begin() as db_session:
                placements = PlacementRepository(db_session, self.database.box)
                self._credentials[server] = await placements.of(call.deployment_id, self.settings)
        return self._credentials[server]

    async def close(self, call: OpenCall) -> list[Repair]:
        """The call is over."""
        async with self.database.begin() as db_session:
            if not await CallRepository(db_session).end(call.room, REASON):
                return []
        what = f"A call went on in Postgres, and LiveKit had no room {call.room}: it is closed."
        return [Repair(Drift.CALL_OPEN, str(call.agent_id), str(call.id), what)]
