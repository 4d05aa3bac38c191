"""LiveKit's webhooks: believed only when signed with a key that we know, and once."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from dataclasses import dataclass
from uuid import UUID

import jwt
from google.protobuf.json_format import Parse, ParseError
from livekit import api
from livekit.protocol.webhook import WebhookEvent
from sqlalchemy.ext.asyncio import AsyncSession

from api.postgres import Postgres
from api.services.livekit import LiveKit
from common.errors import InvalidInput, Unauthorized
from db.repositories.calls import CallRepository
from db.repositories.placements import PlacementRepository
from db.repositories.rooms import RoomRepository

MAX_AGE_SECONDS = 600.0
"""LiveKit tries a webhook again for some minutes; older ones are somebody's collection."""

_REFUSED = "The webhook's signature is not valid. Check that LiveKit signs with a key of ours."


@dataclass(frozen=True)
class Signer:
    """Who signed: the platform (`agent_ids` None), or the LiveKit server of some agents."""

    secret: str
    agent_ids: frozenset[UUID] | None


@dataclass(frozen=True)
class WebhookService:
    """Takes webhooks in."""

    postgres: Postgres
    livekit: LiveKit

    async def take(self, body: bytes, token: str) -> bool:
        """Note a webhook and act on it; False when it was known already.

        Raises:
            Unauthorized: unsigned, signed by a stranger, changed on the way, expired or too old.
        """
        api_key = _claimed_key(token)
        async with self.postgres.begin() as db_session:
            signers = await self._signers(db_session, api_key)
            signer = _signer(signers, api_key, token, body)
            event = _event(body)
            room = event.room.name or None
            if not await CallRepository(db_session).take_event(event.id, event.event, room):
                return False
            if event.event == "room_finished" and room and await _may_end(db_session, signer, room):
                await CallRepository(db_session).end(room, "room finished")
        return True

    async def _signers(self, db_session: AsyncSession, api_key: str) -> list[Signer]:
        platform = await self.livekit.platform_credentials(db_session)
        # Deployments stay where they were validated, so keys of settings that changed since count as well.
        found = [Signer(platform.api_secret, None)] if platform.api_key == api_key else []
        placements = PlacementRepository(db_session, self.postgres.box)
        by_secret: dict[str, set[UUID]] = {}
        for row in await RoomRepository(db_session).placed_with_key(api_key):
            placed = await placements.of(row.id, self.livekit.settings)
            by_secret.setdefault(placed.api_secret, set()).add(row.agent_id)
        return found + [Signer(secret, frozenset(ids)) for secret, ids in by_secret.items()]


async def _may_end(db_session: AsyncSession, signer: Signer, room: str) -> bool:
    """An agent's own LiveKit server speaks for that agent's rooms only."""
    if signer.agent_ids is None:
        return True
    call = (await RoomRepository(db_session).calls([room])).get(room)
    return call is not None and call.agent_id in signer.agent_ids


def _claimed_key(token: str) -> str:
    """The API key that the token says it is signed with; not to be believed yet."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        raise Unauthorized("The webhook is not signed.") from None
    return str(claims.get("iss", ""))


def _signer(signers: list[Signer], api_key: str, token: str, body: bytes) -> Signer:
    for signer in signers:
        if signer.secret and is_signed(body, token, api_key, signer.secret):
            return signer
    raise Unauthorized(_REFUSED)


def is_signed(body: bytes, token: str, api_key: str, api_secret: str) -> bool:
    """Whether `token` is signed with the key, has not expired, and speaks of exactly this body."""
    try:
        claimed = api.TokenVerifier(api_key, api_secret).verify(token).sha256 or ""
        digest = base64.b64decode(claimed, validate=True)
    except (jwt.InvalidTokenError, binascii.Error, ValueError, TypeError, AttributeError):
        return False
    return hmac.compare_digest(hashlib.sha256(body).digest(), digest)


def _event(body: bytes) -> WebhookEvent:
    try:
        event = Parse(body, WebhookEvent(), ignore_unknown_fields=True)
    except (ParseError, UnicodeDecodeError, RecursionError):
        raise InvalidInput("The webhook is not an event of LiveKit's.") from None
    if not event.id or not event.event:
        raise InvalidInput("The webhook has no id or no event.")
    if event.created_at and abs(time.time() - event.created_at) > MAX_AGE_SECONDS:
        raise Unauthorized("The webhook is too old.")
    return event
