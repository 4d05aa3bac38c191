"""LiveKit's webhooks: believed only when signed with a key that we know, and once."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import jwt
from google.protobuf.json_format import Parse, ParseError
from livekit import api
from livekit.protocol.webhook import WebhookEvent
from sqlalchemy.ext.asyncio import AsyncSession

from api.postgres import Postgres
from api.services.livekit import LiveKit
from api.services.rates import RateLimit, TooManyRequests
from common.errors import InvalidInput, Unauthorized
from db.repositories.calls import CallRepository
from db.repositories.rooms import RoomRepository

MAX_AGE_SECONDS = 600.0
"""LiveKit tries a webhook again for some minutes; older ones are somebody's collection."""

_REFUSED = "The webhook's signature is not valid. Check that LiveKit signs with a key of ours."


_CACHE_SECONDS = 60.0
_MAX_CACHED = 256


@dataclass(frozen=True)
class Signer:
    """Who signed: the platform, or else the LiveKit server of some agents."""

    api_key: str
    api_secret: str = field(repr=False)
    is_platform: bool


@dataclass
class KnownSigners:
    """Signers whose signatures were right lately, by API key; strangers never get in here."""

    clock: Callable[[], float] = time.monotonic
    _signers: dict[str, tuple[float, Signer]] = field(default_factory=dict)

    def get(self, api_key: str) -> Signer | None:
        """Who signed with this key within the last minute."""
        at, signer = self._signers.get(api_key, (0.0, None))
        return signer if self.clock() - at < _CACHE_SECONDS else None

    def add(self, signer: Signer) -> None:
        """Remember a signer for a minute."""
        self._signers.pop(signer.api_key, None)
        self._signers[signer.api_key] = (self.clock(), signer)
        if len(self._signers) > _MAX_CACHED:
            del self._signers[next(iter(self._signers))]


@dataclass(frozen=True)
class WebhookService:
    """Takes webhooks in.

    Anybody may send one, so a wrong signature must cost little: a client that fails again and again is turned
    away before Postgres is asked. Behind a proxy that is not trusted, all clients are one.
    """

    postgres: Postgres
    livekit: LiveKit
    known: KnownSigners = field(default_factory=KnownSigners)
    failures: RateLimit = field(default_factory=lambda: RateLimit(rate=1, burst=30))

    async def take(self, body: bytes, token: str, client: str) -> bool:
        """Note a webhook and act on it; False when it was known already.

        Raises:
            Unauthorized: unsigned, signed by a stranger, changed on the way, expired or too old.
            TooManyRequests: `client` sent too many of these.
        """
        signer = await self._signer(body, token, client)
        event = _event(body)
        async with self.postgres.begin() as db_session:
            room = event.room.name or None
            if room and not await self._speaks_for(db_session, signer, room):
                room = None
            if not await CallRepository(db_session).take_event(event.id, event.event, room):
                return False
            if room:
                await _act(CallRepository(db_session), event, room)
        return True

    async def _signer(self, body: bytes, token: str, client: str) -> Signer:
        api_key = _claimed_key(token)
        known = self.known.get(api_key)
        if known and is_signed(body, token, api_key, known.api_secret):
            return known
        if self.failures.exhausted(client):
            raise TooManyRequests("Too many webhooks with wrong signatures. Wait a second, then try again.")
        async with self.postgres.begin() as db_session:
            platform = await self.livekit.platform_credentials(db_session)
            if platform.api_key == api_key and is_signed(body, token, api_key, platform.api_secret):
                signer = Signer(api_key, platform.api_secret, is_platform=True)
                self.known.add(signer)
                return signer
            # Deployments stay where they were validated: keys of settings that changed since count as well.
            placed = await RoomRepository(db_session).placed_with_key(api_key)
        tried = set()
        for each in placed:
            secret = each.open(self.postgres.box)
            if secret not in tried and is_signed(body, token, api_key, secret):
                signer = Signer(api_key, secret, is_platform=False)
                self.known.add(signer)
                return signer
            tried.add(secret)
        self.failures.allow(client)
        raise Unauthorized(_REFUSED)

    async def _speaks_for(self, db_session: AsyncSession, signer: Signer, room: str) -> bool:
        """An agent's own LiveKit server speaks for that agent's rooms only."""
        if signer.is_platform:
            return True
        rooms = RoomRepository(db_session)
        call = (await rooms.calls([room])).get(room)
        if call is None:
            return False
        placed = await rooms.placed_with_key(signer.api_key, call.agent_id)
        return any(each.open(self.postgres.box) == signer.api_secret for each in placed)


async def _act(calls: CallRepository, event: WebhookEvent, room: str) -> None:
    if event.event == "room_finished":
        await calls.end(room, "room finished")
    elif event.event == "participant_joined":
        await calls.caller_came(room, event.participant.identity)


def _claimed_key(token: str) -> str:
    """The API key that the token says it is signed with; not to be believed yet."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        raise Unauthorized("The webhook is not signed.") from None
    return str(claims.get("iss", ""))


def is_signed(body: bytes, token: str, api_key: str, api_secret: str) -> bool:
    """Whether `token` is signed with the key, has not expired, and speaks of exactly this body."""
    if not api_key or not api_secret:  # the verifier would take them from the environment
        return False
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
