"""Callers who wait for an agent."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from livekit import api, rtc

from benchmarks.bench import Bench

_JOIN_SECONDS = 8.0
"""After that it never comes: LiveKit does not dispatch twice."""


@dataclass(frozen=True)
class Caller:
    """A participant alone in a room."""

    bench: Bench
    room: rtc.Room
    name: str

    async def joined_by(self, agent_name: str) -> float:
        """Dispatch the agent; seconds until the caller sees it in the room, infinity when it never comes."""
        arrived: asyncio.Future[float] = asyncio.get_running_loop().create_future()

        @self.room.on("participant_connected")
        def _on_participant(participant: rtc.RemoteParticipant) -> None:
            if participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT and not arrived.done():
                arrived.set_result(time.perf_counter())

        request = api.CreateAgentDispatchRequest(agent_name=agent_name, room=self.name)
        sent = time.perf_counter()
        await self.bench.livekit.agent_dispatch.create_dispatch(request)
        try:
            return await asyncio.wait_for(arrived, _JOIN_SECONDS) - sent
        except TimeoutError:
            return math.inf


@asynccontextmanager
async def waiting_caller(bench: Bench) -> AsyncIterator[Caller]:
    """A caller who has joined; the room, and whatever agent is in it, goes with the block."""
    name = f"bench-{uuid.uuid4().hex[:12]}"
    stack = bench.stack
    token = (
        api.AccessToken(stack.livekit_api_key, stack.livekit_api_secret)
        .with_identity("caller")
        .with_grants(api.VideoGrants(room_join=True, room=name))
        .to_jwt()
    )
    room = rtc.Room()
    # It listens to nobody: decoding audio here would take from the machine what is measured.
    await room.connect(stack.livekit_url, token, rtc.RoomOptions(auto_subscribe=False))
    try:
        yield Caller(bench, room, name)
    finally:
        await room.disconnect()
        await bench.livekit.room.delete_room(api.DeleteRoomRequest(room=name))
