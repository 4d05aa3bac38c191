"""LiveKit's server API, with the credentials that the agent in question uses."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

import aiohttp
from livekit import api
from livekit.protocol.room import PerformRpcRequest
from sqlalchemy.ext.asyncio import AsyncSession

from api.postgres import Postgres
from common.livekit import TYPED_METHOD, LiveKitCredentials
from common.livekit_rpc import perform_rpc
from common.livekit_server import check_livekit, if_there, livekit_server
from common.settings import Settings
from db.credentials import resolve_livekit
from db.models import AgentRow, CallRow
from db.repositories.agents import AgentRepository
from db.repositories.placements import PlacementRepository
from db.repositories.settings import SettingRepository


@dataclass(frozen=True)
class RoomView:
    """A room and who is in it."""

    room: api.Room
    participants: list[api.ParticipantInfo]


@dataclass(frozen=True)
class LiveKit:
    """Finds the right credentials, and asks LiveKit with them."""

    postgres: Postgres
    settings: Settings
    http: aiohttp.ClientSession

    async def platform_credentials(self, db_session: AsyncSession) -> LiveKitCredentials:
        """The platform's own, as they are now."""
        return await self._placements(db_session).of(None, self.settings)

    async def agent_credentials(
        self, db_session: AsyncSession, agent: AgentRow, deployment_id: UUID | None = None
    ) -> LiveKitCredentials:
        """Those that the agent takes calls with; where it takes none, those it would be deployed with.

        `deployment_id`: another of its deployments than the live one.
        """
        if (placed := deployment_id or agent.live_deployment_id) is not None:
            return await self._placements(db_session).of(placed, self.settings)
        config = AgentRepository(db_session, self.postgres.box).draft(agent)
        stored = await SettingRepository(db_session, self.postgres.box).all()
        return resolve_livekit(config, stored, self.settings)

    async def call_credentials(self, db_session: AsyncSession, call: CallRow) -> LiveKitCredentials:
        """Those of the server that a call is on, though its agent may run elsewhere by now."""
        return await self._placements(db_session).of_call(call, self.settings)

    def _placements(self, db_session: AsyncSession) -> PlacementRepository:
        return PlacementRepository(db_session, self.postgres.box)

    async def check(self, credentials: LiveKitCredentials) -> None:
        """The cheapest question that needs a valid key.

        Raises:
            LiveKitRefused: the key or the secret is wrong.
            LiveKitUnreachable: nobody answers.
        """
        await check_livekit(credentials, self.http)

    async def rooms(self, credentials: LiveKitCredentials) -> list[RoomView]:
        """Every room of the server with its participants; raises as `check` does."""
        async with livekit_server(credentials, self.http) as client:
            found = await client.room.list_rooms(api.ListRoomsRequest())
            return [RoomView(room, await _participants(client, room.name)) for room in found.rooms]

    async def delete_room(self, credentials: LiveKitCredentials, room: str) -> None:
        """End a room for everybody in it; one that is gone already is fine. Raises as `check` does."""
        async with livekit_server(credentials, self.http) as client:
            with if_there():
                await client.room.delete_room(api.DeleteRoomRequest(room=room))

    async def type_to_agents(self, credentials: LiveKitCredentials, room: str, text: str) -> list[str]:
        """Have the agents in a room hear a text; the identities of those that say that they have it.

        Raises as `check` does, and LiveKitError where an agent may have heard it or not.
        """
        async with livekit_server(credentials, self.http) as client:
            people = await _participants(client, room)
            agents = [each.identity for each in people if each.kind == api.ParticipantInfo.Kind.AGENT]
            calls = [
                PerformRpcRequest(room=room, destination_identity=agent, method=TYPED_METHOD, payload=text)
                for agent in agents
            ]
            performing = (perform_rpc(credentials, self.http, call) for call in calls)
            took = await asyncio.gather(*performing, return_exceptions=True)
            doubts = [each for each in took if isinstance(each, BaseException)]
            if doubts and True not in took:  # one that is lost may be in the room still, beside the new one
                raise doubts[0]
        return [agent for agent, has_it in zip(agents, took, strict=True) if has_it is True]


async def _participants(client: api.LiveKitAPI, room: str) -> list[api.ParticipantInfo]:
    people: list[api.ParticipantInfo] = []
    with if_there():  # it may have ended since it was listed
        answer = await client.room.list_participants(api.ListParticipantsRequest(room=room))
        people += answer.participants
    return people
