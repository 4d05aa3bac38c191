"""Looks after calls: is an agent with the caller? If not, another one is sent, and goes on from there."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import aiohttp
from livekit import api
from temporalio import activity

from activities import dispatching
from activities.aftercare import asked_for
from activities.errors import told_to_temporal
from activities.last_calls import LastCalls
from activities.rooms import Room
from agents.dispatch import Dispatch
from common.errors import LiveKitError, NotFound
from common.livekit import LiveKitCredentials
from common.livekit_server import CHECK_SECONDS, if_there, livekit_server
from common.settings import Settings
from common.status import CallStatus, Status
from db.engine import Database
from db.models import AgentRow, CallRow
from db.repositories.agents import AgentRepository
from db.repositories.calls import OPEN, CallRepository
from db.repositories.hosts import HostRepository
from db.repositories.placements import PlacementRepository
from db.repositories.recoveries import Loss, RecoveryRepository
from db.repositories.transcripts import TranscriptRepository
from workflows.call_types import GOES_ON, AgentLost, CallSight, CallState, GiveUp, SendAgent, Sent
from workflows.policy import HEARTBEAT_TIMEOUT, NO_SHOW

logger = logging.getLogger(__name__)

TOPIC = "bionic.call"
"""Of what the platform itself tells those in a room."""

ABOUT_TO_TELL_SECONDS = 1.0
"""From the moment at which a call is taken over until LiveKit has been told: mostly some milliseconds. Two
who told it at once would have it send two agents."""

STOPPED = "The agent is not deployed any more."
MOVED = "The agent takes calls on another LiveKit server now."
ROOM_GONE = "its room is gone"


@dataclass(frozen=True)
class Standing:
    """A call, its agent, and the LiveKit server that it is on."""

    call: CallRow
    agent: AgentRow
    credentials: LiveKitCredentials
    live: LiveKitCredentials | None
    """Where its live version takes calls."""

    @property
    def moved(self) -> bool:
        """Whether the live version takes calls, and can't take this one: it is on another server."""
        mine, live = self.credentials, self.live
        return live is not None and (mine.url, mine.api_key) != (live.url, live.api_key)


@dataclass(frozen=True)
class CallActivities:
    """What is done for the workflows of calls; hosts do it themselves while Temporal is away."""

    database: Database
    settings: Settings
    http: aiohttp.ClientSession

    @activity.defn
    async def look_at_call(self, call_id: str) -> CallSight:
        """How a call is by Postgres and LiveKit; one that nobody came to is closed."""
        with told_to_temporal():
            found = await self._standing(UUID(call_id))
            if found is None or found.call.status not in OPEN:
                return CallSight(CallState.OVER, found.call.attempt if found else 1)
            call = found.call
            room = await self._room(found)
            over = not room.callers and await self._close_if_over(call, room)
            if over:
                return CallSight(CallState.OVER, call.attempt)
            return await self._sight(found, room)

    async def _sight(self, found: Standing, room: Room) -> CallSight:
        """As the room tells; where it has no agent, a host that is there may have the job of one."""
        call = found.call
        version = _version(found) or call.version  # which may be finishing its last calls
        if room.state is not CallState.ALONE or version is None or not await self._is_held(call):
            return CallSight(room.state, call.attempt)
        async with self.database.begin() as db_session:
            hosts = HostRepository(db_session)
            carriers = await hosts.carriers(call.agent_id, version, HEARTBEAT_TIMEOUT, with_room=True)
        return CallSight(CallState.COMING, call.attempt, call.host, others=bool(carriers - {call.host}))

    async def _is_held(self, call: CallRow) -> bool:
        """Whether a host that is there has the job of the call's agent."""
        if not (call.job_id and call.host):
            return False
        async with self.database.begin() as db_session:
            silence = await HostRepository(db_session).silence(call.host, call.host_process or "")
        return silence is not None and silence <= HEARTBEAT_TIMEOUT

    async def _close_if_over(self, call: CallRow, room: Room) -> bool:
        if call.status == CallStatus.WAITING:
            if datetime.now(UTC) - call.created_at < NO_SHOW:
                return False
            status, reason = CallStatus.ABANDONED, "nobody came"
        elif not room.there:
            status, reason = CallStatus.ENDED, ROOM_GONE
        else:
            return False
        async with self.database.begin() as db_session:
            await CallRepository(db_session).end(call.room, reason, status)
        return True

    @activity.defn
    async def send_agent(self, request: SendAgent) -> Sent:
        """Send an agent to a caller who has none, instead of a lost one; the same again does nothing."""
        with told_to_temporal():
            return await self.send(request)

    async def send(self, request: SendAgent) -> Sent:
        """As `send_agent`, for a host that can't reach Temporal.

        Raises:
            LiveKitError: LiveKit did not do it.
        """
        found = await self._standing(UUID(request.call_id))
        if found is None:
            return Sent(request.lost.attempt, CallState.OVER)
        if request.lost.cut and _version(found) is None:
            if request.lost.attempt >= found.call.attempt:
                await self._end(found)
            return Sent(request.lost.attempt, CallState.OVER)
        if found.call.status not in OPEN:
            return Sent(request.lost.attempt, CallState.OVER)
        room = await self._room(found)
        # Where nobody told of a loss, the room was looked into and had no agent: by now one may have come.
        if not room.callers or (room.agents and request.lost.host is None):
            return Sent(found.call.attempt, room.state)
        version, last = _version(found), False
        if version is None and not found.moved:
            version, last = await LastCalls(self.database).version_for(found.call, request.lost), True
        if version is None:
            return await self._without_version(found, request.lost)
        dispatch = await self._take_over(found, version, request)
        if last:  # whoever holds it shall have it: nobody is avoided
            dispatch = Dispatch(dispatch.call_id, dispatch.attempt, last=True)
        if dispatch.attempt == request.lost.attempt + 1:
            name = f"{found.agent.slug}@v{version}"
            async with livekit_server(found.credentials, self.http) as client:
                await dispatching.send(client, found.call.room, name, dispatch, room.agents)
        return Sent(dispatch.attempt, CallState.GOING)

    async def _without_version(self, found: Standing, lost: AgentLost) -> Sent:
        """No version can go on with a call: that is trouble, unless its agent was stopped."""
        attempt = found.call.attempt
        if not _was_stopped(found, lost):
            return Sent(attempt, CallState.ALONE, _reason(found))
        await self._end(found)
        return Sent(attempt, CallState.OVER)

    async def _end(self, found: Standing) -> None:
        """End a call with its agent, which was stopped for good and on purpose.

        Where somebody had the agent come to a room of their own, it alone leaves that.
        """
        room = found.call.room
        async with self.database.begin() as db_session:
            await CallRepository(db_session).end(room, _reason(found))
        if found.call.identity is None:
            return
        async with livekit_server(found.credentials, self.http) as client:
            with if_there():
                await client.room.delete_room(api.DeleteRoomRequest(room=room))

    async def _take_over(self, found: Standing, version: int, request: SendAgent) -> Dispatch:
        """The dispatch that speaks for the call from now on: a new one, unless that was made already."""
        call, lost = found.call, request.lost
        async with self.database.begin() as db_session:
            recoveries = RecoveryRepository(db_session)
            loss = Loss(lost.attempt, lost.reason, lost.crashed)
            taken = await recoveries.take_over(call.id, loss, datetime.now(UTC))
            attempt = taken.attempt if taken else (await CallRepository(db_session).get(call.id)).attempt
            hosts = await HostRepository(db_session).carriers(call.agent_id, version, HEARTBEAT_TIMEOUT)
        if taken:
            about = {"agent": str(call.agent_id), "room": call.room}
            logger.warning("a call gets another agent, number %d: %s", attempt, lost.reason, extra=about)
        else:
            # Whoever took it over, a host or a try before this one, is about to tell LiveKit, or dead.
            await asyncio.sleep(ABOUT_TO_TELL_SECONDS)
        others = hosts - {lost.host}
        if request.instead_of and hosts - {request.instead_of}:
            return Dispatch(call.id, attempt, avoid=request.instead_of)
        avoid = lost.host if request.elsewhere and others else None
        # Where no agent came, the host that has its job knows: LiveKit lists it up to seconds late. Every
        # second try is for anybody, for the others may be full.
        elsewhere = lost.host is None and not request.elsewhere and len(others) > 1
        return Dispatch(call.id, attempt, avoid, elsewhere)

    @activity.defn
    async def give_up_call(self, request: GiveUp) -> None:
        """Tell the caller and operators that no agent comes; end the call where that is asked for."""
        with told_to_temporal():
            found = await self._standing(UUID(request.call_id))
            if found is None or (request.unless_held and await self._is_held(found.call)):
                return
            call = found.call
            about = {"agent": str(call.agent_id), "room": call.room}
            logger.error(
                "no agent comes to a caller after %d tries: %s", request.tries, request.reason, extra=about
            )
            async with self.database.begin() as db_session:
                recoveries = RecoveryRepository(db_session)
                await recoveries.unanswered(
                    call, request.reason, request.tries, over=request.over, cause=request.cause
                )
                if request.over:
                    await CallRepository(db_session).end(call.room, request.reason, CallStatus.FAILED)
            await self._tell_room(found, request)

    async def _tell_room(self, found: Standing, request: GiveUp) -> None:
        room = found.call.room
        said = json.dumps({"status": "no agent", "over": request.over}).encode()
        try:
            async with livekit_server(found.credentials, self.http) as client, asyncio.timeout(CHECK_SECONDS):
                with if_there():
                    await client.room.send_data(api.SendDataRequest(room=room, data=said, topic=TOPIC))
                    if request.over:
                        await client.room.delete_room(api.DeleteRoomRequest(room=room))
        except LiveKitError as error:
            if error.retryable and not request.over:
                raise
            logger.warning("the caller could not be told: %s", error.message, extra={"room": room})

    @activity.defn
    async def finish_call(self, call_id: str) -> list[str]:
        """Put the record of a call that is over in order; the steps that its agent asks for.

        `GOES_ON` where its caller was back before the workflow had heard that the room was gone.
        """
        with told_to_temporal():
            async with self.database.begin() as db_session:
                if await CallRepository(db_session).is_open(UUID(call_id)):
                    return [GOES_ON]
                await TranscriptRepository(db_session).keep_drafts(UUID(call_id))
            return await asked_for(self.database, self.settings, UUID(call_id))

    async def _standing(self, call_id: UUID) -> Standing | None:
        async with self.database.begin() as db_session:
            try:
                call = await CallRepository(db_session).get(call_id)
                agent = await AgentRepository(db_session, self.database.box).get(str(call.agent_id))
            except NotFound:
                return None
            placements = PlacementRepository(db_session, self.database.box)
            live = agent.live_deployment_id and await placements.of(agent.live_deployment_id, self.settings)
            return Standing(call, agent, await placements.of_call(call, self.settings), live or None)

    async def _room(self, found: Standing) -> Room:
        room = Room([], {}, there=False)
        async with livekit_server(found.credentials, self.http) as client, asyncio.timeout(CHECK_SECONDS):
            with if_there():
                request = api.ListParticipantsRequest(room=found.call.room)
                room = Room.of((await client.room.list_participants(request)).participants)
        return room


def _version(found: Standing) -> int | None:
    """The version that can go on with a call: its own while that takes calls, else the live one."""
    agent, own = found.agent, found.call.version
    if own is not None and own == agent.canary_version:
        return own
    return None if found.moved else agent.live_version


def _was_stopped(found: Standing, lost: AgentLost) -> bool:
    """Whether a call's agent has left because it was stopped, though its host has not said so yet.

    A host tells of a crash before LiveKit says that the agent left; of an agent that it ended, once its
    process is gone. That takes seconds where the last words can't be written.
    """
    stopped = found.agent.status in {Status.DRAINING, Status.STOPPED} and not found.moved
    return stopped and found.call.status == CallStatus.ACTIVE and lost.host is None and not lost.crashed


def _reason(found: Standing) -> str:
    """Why no version can go on."""
    return MOVED if found.moved else STOPPED
