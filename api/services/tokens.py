"""Tokens: what a browser needs to talk to one agent in one room, and nothing more."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from livekit import api
from pydantic import AfterValidator, Field

from agents.aftercare_config import RecordingConfig
from agents.dispatch import Dispatch
from api.postgres import Postgres
from api.schemas.base import Answer, Body, Name
from api.services.call_board import CallBoard
from api.services.lines import has_line, require_line
from api.services.livekit import LiveKit
from common.errors import LiveKitRefused, NotDeployed
from common.livekit import LiveKitCredentials
from db.models import AgentRow
from db.repositories.agents import AgentRepository
from db.repositories.calls import CallRepository
from workflows.policy import TOKEN_LIFETIME

_RESERVED = "lk."
_MAX_ATTRIBUTES = 16
_MAX_ATTRIBUTE = 256

AttributeText = Annotated[str, Field(max_length=_MAX_ATTRIBUTE)]


def _ours(attributes: dict[str, str]) -> dict[str, str]:
    if any(key.startswith(_RESERVED) for key in attributes):
        raise ValueError(f"keys that begin with `{_RESERVED}` are LiveKit's own")
    return attributes


class TokenRequest(Body):
    """Who wants to talk to whom. The room, the agent's version and all rights are ours to choose."""

    agent_id: Annotated[str, Field(min_length=1, max_length=63)]
    participant_name: Annotated[Name, Field(max_length=64)] | None = None
    attributes: Annotated[dict[AttributeText, AttributeText], AfterValidator(_ours)] = Field(
        default_factory=dict, max_length=_MAX_ATTRIBUTES
    )


class CallToken(Answer):
    """A token, and where to use it."""

    token: str
    url: str
    room: str
    call_id: UUID
    identity: str
    expires_at: datetime
    recording_notice: str | None
    """What to tell the caller before the call: it is recorded. Null where it is not, or where others tell."""


@dataclass(frozen=True)
class Place:
    """A place in a room that was made up for one call."""

    call_id: UUID
    agent_name: str
    video: bool
    identity: str

    @property
    def room(self) -> str:
        """The room's name."""
        return f"call-{self.call_id}"


@dataclass(frozen=True)
class TokenService:
    """Mints tokens. Waits for Postgres alone: callers come while Temporal is away."""

    postgres: Postgres
    livekit: LiveKit
    board: CallBoard
    draw: Callable[[], float] = random.random
    """A number from 0 up to 1, all alike probable: who gets a version on trial."""

    async def mint(self, request: TokenRequest) -> CallToken:
        """A token for a new call with the live version of an agent.

        Raises:
            NotFound: there is no such agent.
            NotDeployed: it takes no calls.
            NoCapacity: no host has room for one more.
        """
        async with self.postgres.begin() as db_session:
            agents = AgentRepository(db_session, self.postgres.box)
            agent = await agents.get(request.agent_id)
            if agent.live_version is None:
                raise NotDeployed(f"“{agent.slug}” is not deployed. Deploy it first.")
            number, deployment_id = self._choice(agent)
            if number != agent.live_version and not await has_line(db_session, agent, number):
                number, deployment_id = agent.live_version, agent.live_deployment_id
            version = await agents.version(agent.id, number)
            credentials = await self.livekit.agent_credentials(db_session, agent, deployment_id)
            place = Place(
                call_id=uuid4(),
                agent_name=f"{agent.slug}@v{version.number}",
                video=version.config.get("video") is True,
                identity=f"caller-{secrets.token_hex(8)}",
            )
            token = sign(credentials, place, request)
            await require_line(db_session, agent, version.number)
            await CallRepository(db_session).create(
                place.call_id,
                agent.id,
                version.number,
                room=place.room,
                identity=place.identity,
                attributes=dict(request.attributes),
            )
        self.board.begun(self.board.input(place.call_id, agent.id, agent.slug, place.room))
        return CallToken(
            token=token,
            url=credentials.url,
            room=place.room,
            call_id=place.call_id,
            identity=place.identity,
            expires_at=datetime.now(UTC) + TOKEN_LIFETIME,
            recording_notice=notice_of(version.config),
        )

    def _choice(self, agent: AgentRow) -> tuple[int, UUID | None]:
        """Which version gets the call, and its deployment: one on trial gets its share."""
        assert agent.live_version is not None
        trial, share = agent.canary_version, agent.canary_percent
        if trial is not None and share is not None and self.draw() * 100 < share:
            return trial, agent.canary_deployment_id
        return agent.live_version, agent.live_deployment_id


def notice_of(config: Mapping[str, Any]) -> str | None:
    """What callers of a version are told of its recording."""
    recording = config.get("recording")
    return RecordingConfig.model_validate(recording).notice if recording else None


def sign(credentials: LiveKitCredentials, place: Place, request: TokenRequest) -> str:
    """The token for `place`: least rights, and the dispatch of exactly one agent.

    Raises:
        LiveKitRefused: there is no key to sign with.
    """
    if not credentials.api_key or not credentials.api_secret:
        raise LiveKitRefused("There is no LiveKit API key or secret. Enter them in the settings.")
    grants = api.VideoGrants(
        room_join=True,
        room=place.room,
        can_publish=True,
        can_publish_sources=["microphone", "camera"] if place.video else ["microphone"],
        can_subscribe=True,
        can_publish_data=True,  # typed messages travel as text streams
        can_update_own_metadata=False,
    )
    dispatch = api.RoomAgentDispatch(agent_name=place.agent_name, metadata=Dispatch(place.call_id).metadata())
    token = (
        api.AccessToken(credentials.api_key, credentials.api_secret)
        .with_identity(place.identity)
        .with_ttl(TOKEN_LIFETIME)
        .with_grants(grants)
        .with_attributes(dict(request.attributes))
        .with_room_config(api.RoomConfiguration(agents=[dispatch]))
    )
    if request.participant_name:
        token = token.with_name(request.participant_name)
    return token.to_jwt()
