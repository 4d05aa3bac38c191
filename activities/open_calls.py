"""Calls that Postgres holds open, and whether LiveKit has their rooms."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import aiohttp
from livekit import api

from common.errors import BionicError
from common.livekit import LiveKitCredentials
from common.livekit_server import livekit_server
from common.settings import Settings
from db.engine import Database
from db.repositories.calls import CallRepository
from db.repositories.drifts import DriftRepository, OpenCall
from db.repositories.placements import PlacementRepository
from workflows.reconcile_types import Drift, Repair

AGE = timedelta(minutes=1)
"""Younger calls are left alone: their rooms may be new."""

PAGE = 500
ASK_SECONDS = 5.0
REASON = "its room is gone"

_Server = tuple[str, str] | None


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
        """Calls without a room, of `only` those where they are given."""
        found: list[OpenCall] = []
        after: UUID | None = None
        while True:
            async with self.database.begin() as db_session:
                calls = await DriftRepository(db_session).open_calls(AGE, after, self.page, only)
            self.seen += len(calls)
            servers = {call.server for call in calls}
            for server in sorted(servers, key=str):
                self.beat()
                found += await self._without_room(server, [call for call in calls if call.server == server])
            if len(calls) < self.page:
                return found
            after = calls[-1].id

    async def _without_room(self, server: _Server, calls: list[OpenCall]) -> list[OpenCall]:
        if server in self.troubles:
            return []
        try:
            credentials = await self._of(server, calls[0])
            async with livekit_server(credentials, self.http) as client, asyncio.timeout(ASK_SECONDS):
                wanted = api.ListRoomsRequest(names=[call.room for call in calls])
                there = {room.name for room in (await client.room.list_rooms(wanted)).rooms}
        except BionicError as error:
            self.troubles[server] = error.message
            return []
        return [call for call in calls if call.room not in there]

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
