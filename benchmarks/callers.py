"""Callers who wait for an agent."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livekit import api, rtc

from benchmarks.bench import Agent, Bench

JOIN_SECONDS = 8.0
"""After that it never comes: LiveKit does not dispatch twice."""

_TRIES = 5


class Caller:
    """A participant in a room where nobody but an agent comes."""

    def __init__(self, bench: Bench, room: rtc.Room, name: str) -> None:
        self.bench, self.room, self.name = bench, room, name
        self.lost = asyncio.Event()
        """Set when the agent left, or the call broke, before the caller hung up."""
        self._arrivals: asyncio.Queue[float] = asyncio.Queue()
        """When agents came."""
        self._arrived: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._hung_up = False
        room.on("participant_connected", self._on_connected)
        room.on("participant_disconnected", self._on_disconnected)
        room.on("disconnected", self._on_broken)

    def _on_connected(self, participant: rtc.RemoteParticipant) -> None:
        if not _is_agent(participant):
            return
        self._arrivals.put_nowait(time.perf_counter())
        if not self._arrived.done():
            self._arrived.set_result(time.perf_counter())

    def _on_disconnected(self, participant: rtc.RemoteParticipant) -> None:
        if _is_agent(participant) and not self._hung_up:
            self.lost.set()

    def _on_broken(self, _: object) -> None:
        if self._arrived.done() and not self._hung_up:
            self.lost.set()

    async def joined_by(self, agent_name: str, seconds: float = JOIN_SECONDS) -> float:
        """Dispatch the agent; seconds until the caller sees it in the room, infinity when it never comes."""
        request = api.CreateAgentDispatchRequest(agent_name=agent_name, room=self.name)
        sent = time.perf_counter()
        await self.bench.livekit.agent_dispatch.create_dispatch(request)
        return await self.joined(sent, seconds)

    async def insists(self, agent_name: str) -> tuple[bool, int]:
        """Dispatch until the agent is there; whether it is, and how often that failed before.

        A stock worker on a busy machine refuses calls.
        """
        for failed in range(_TRIES):
            if math.isfinite(await self.joined_by(agent_name)):
                return True, failed
            await self.bench.settle()
        return False, _TRIES

    async def joined(self, since: float, seconds: float = JOIN_SECONDS) -> float:
        """Seconds from `since` until the agent is there, infinity when it is not within `seconds`."""
        if any(_is_agent(participant) for participant in self.room.remote_participants.values()):
            return time.perf_counter() - since
        try:
            return await asyncio.wait_for(asyncio.shield(self._arrived), seconds) - since
        except TimeoutError:
            return math.inf

    async def another(self, since: float, seconds: float = JOIN_SECONDS) -> float:
        """Seconds from `since` until an agent comes that was not there then; infinity when none does."""
        try:
            async with asyncio.timeout(seconds):
                while (came := await self._arrivals.get()) < since:
                    pass
        except TimeoutError:
            return math.inf
        return came - since

    async def connect(self, token: str, *, listens: bool = False) -> None:
        """Join the room.

        One that does not listen decodes no audio, which would take from the machine what is measured. Its
        agent says nothing: it waits for somebody to hear it.
        """
        options = rtc.RoomOptions(auto_subscribe=listens)
        await self.room.connect(self.bench.stack.livekit_url, token, options)

    async def hang_up(self) -> None:
        """Leave; the room, and whatever agent is in it, goes."""
        self._hung_up = True
        await self.room.disconnect()
        try:
            await self.bench.livekit.room.delete_room(api.DeleteRoomRequest(room=self.name))
        except api.TwirpError as error:
            if error.code != api.TwirpErrorCode.NOT_FOUND:
                raise


def _is_agent(participant: rtc.RemoteParticipant) -> bool:
    return participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT


@asynccontextmanager
async def _calling(bench: Bench, room: str, token: str, *, listens: bool) -> AsyncIterator[Caller]:
    caller = Caller(bench, rtc.Room(), room)
    await caller.connect(token, listens=listens)
    try:
        yield caller
    finally:
        await caller.hang_up()


@asynccontextmanager
async def waiting_caller(bench: Bench, *, listens: bool = False) -> AsyncIterator[Caller]:
    """A caller who has joined a room and hangs up at the end of the block."""
    room = f"bench-{uuid.uuid4().hex[:12]}"
    stack = bench.stack
    token = (
        api.AccessToken(stack.livekit_api_key, stack.livekit_api_secret)
        .with_identity("caller")
        .with_grants(api.VideoGrants(room_join=True, room=room))
        .to_jwt()
    )
    async with _calling(bench, room, token, listens=listens) as caller:
        yield caller


@asynccontextmanager
async def widget_caller(bench: Bench, agent: Agent, *, listens: bool = False) -> AsyncIterator[Caller]:
    """A caller who comes as a widget does: the token brings the agent."""
    token, room = await bench.token(agent)
    async with _calling(bench, room, token, listens=listens) as caller:
        yield caller


async def by_name(bench: Bench, agent_name: str, seconds: float) -> float:
    """A call that is dispatched as LiveKit's documentation has it; seconds until the agent is there."""
    async with waiting_caller(bench) as caller:
        return await caller.joined_by(agent_name, seconds)


async def by_token(bench: Bench, agent: Agent, seconds: float) -> float:
    """A call as a widget makes it. Seconds from the caller's join until the agent is there."""
    async with widget_caller(bench, agent) as caller:
        return await caller.joined(time.perf_counter(), seconds)
