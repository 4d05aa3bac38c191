"""Rooms and participants, as LiveKit sees them now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from livekit import api

from api.postgres import Postgres
from api.schemas.base import Answer
from api.services.livekit import LiveKit, RoomView
from db.repositories.agents import AgentRepository
from db.repositories.rooms import CallOfRoom, RoomRepository


class TrackAnswer(Answer):
    """What somebody publishes; `source` is LiveKit's word for it, such as `microphone`."""

    kind: Literal["audio", "video"]
    source: str
    muted: bool


class ParticipantAnswer(Answer):
    """Somebody in a room."""

    identity: str
    name: str
    kind: str
    state: str
    joined_at: datetime
    tracks: list[TrackAnswer]


class RoomAnswer(Answer):
    """A room; `call_id` and `agent_id` where it is a call of ours."""

    name: str
    sid: str
    created_at: datetime
    call_id: UUID | None
    agent_id: UUID | None
    participants: list[ParticipantAnswer]


class RoomsAnswer(Answer):
    """The rooms of one LiveKit server."""

    url: str
    items: list[RoomAnswer]


_KINDS: dict[int, Literal["audio", "video"]] = {api.TrackType.AUDIO: "audio", api.TrackType.VIDEO: "video"}


@dataclass(frozen=True)
class RoomService:
    """Asks LiveKit."""

    postgres: Postgres
    livekit: LiveKit

    async def list(self, ref: str | None) -> RoomsAnswer:
        """The rooms of the platform's LiveKit server, or an agent's rooms on the server that it uses.

        Raises:
            NotFound: there is no such agent.
            LiveKitError: LiveKit does not answer, or refuses the key.
        """
        agent_id = None
        async with self.postgres.begin() as db_session:
            if ref is None:
                credentials = await self.livekit.platform_credentials(db_session)
            else:
                agent = await AgentRepository(db_session, self.postgres.box).get(ref)
                agent_id = agent.id
                credentials = await self.livekit.agent_credentials(db_session, agent)
        views = await self.livekit.rooms(credentials)
        async with self.postgres.begin() as db_session:
            calls = await RoomRepository(db_session).calls([view.room.name for view in views])
        rooms = [room_answer(view, calls.get(view.room.name)) for view in views]
        if agent_id is not None:
            rooms = [room for room in rooms if room.agent_id == agent_id]
        return RoomsAnswer(url=credentials.url, items=rooms)

    async def public_url(self) -> str:
        """The platform's LiveKit server, as browsers reach it."""
        async with self.postgres.begin() as db_session:
            return (await self.livekit.platform_credentials(db_session)).url


def room_answer(view: RoomView, call: CallOfRoom | None) -> RoomAnswer:
    """A room as it goes out, `call` being the call that it is."""
    return RoomAnswer(
        name=view.room.name,
        sid=view.room.sid,
        created_at=datetime.fromtimestamp(view.room.creation_time, UTC),
        call_id=call.call_id if call else None,
        agent_id=call.agent_id if call else None,
        participants=[_participant(each) for each in view.participants],
    )


def _participant(info: api.ParticipantInfo) -> ParticipantAnswer:
    return ParticipantAnswer(
        identity=info.identity,
        name=info.name,
        kind=api.ParticipantInfo.Kind.Name(info.kind).lower(),
        state=api.ParticipantInfo.State.Name(info.state).lower(),
        joined_at=datetime.fromtimestamp(info.joined_at, UTC),
        tracks=[_track(each) for each in info.tracks if each.type in _KINDS],
    )


def _track(info: api.TrackInfo) -> TrackAnswer:
    return TrackAnswer(
        kind=_KINDS[info.type], source=api.TrackSource.Name(info.source).lower(), muted=info.muted
    )
