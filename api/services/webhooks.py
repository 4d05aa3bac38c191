"""LiveKit's webhooks: believed only when signed with a key that we know, and once."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import jwt
from google.protobuf.json_format import Parse, ParseError
from livekit import api
from livekit.protocol.models import ParticipantInfo
from livekit.protocol.webhook import WebhookEvent
from sqlalchemy.ext.asyncio import AsyncSession

from agents.dispatch import attempt_of
from api.postgres import Postgres
from api.services.call_board import CallBoard
from api.services.livekit import LiveKit
from api.services.rates import RateLimit, TooManyRequests
from common.errors import InvalidInput, Unauthorized
from db.repositories.calls import OPEN, CallRepository
from db.repositories.recoveries import CarriedCall, RecoveryRepository
from db.repositories.rooms import RoomRepository
from workflows.call_types import CallInput

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
    board: CallBoard
    known: KnownSigners = field(default_factory=KnownSigners)
    failures: RateLimit = field(default_factory=lambda: RateLimit(rate=1, burst=30))

    async def take(self, body: bytes, token: str, client: str) -> bool:
        """Note a webhook and act on it; False when it was known already.

        Raises:
            Unauthorized: unsigned, signed by a stranger, changed on the way, expired or too old.
            TooManyRequests: `client` sent too many of these.
            LiveKitError: what it asks for can't be done now.
        """
        signer = await self._signer(body, token, client)
        event = _event(body)
        async with self.postgres.begin() as db_session:
            room = event.room.name or None
            if room and not await self._speaks_for(db_session, signer, room):
                room = None
            if not await CallRepository(db_session).take_event(event.id, event.event, room):
                return False
            news = await self._act(db_session, event, room) if room else None
        if news:
            news()
        return True

    async def _act(
        self, db_session: AsyncSession, event: WebhookEvent, room: str
    ) -> Callable[[], None] | None:
        """Write what it tells of a call; returns how to tell the call's workflow, once that is committed."""
        calls, who = CallRepository(db_session), event.participant
        is_agent = who.kind == ParticipantInfo.Kind.AGENT
        match event.event:
            case "room_finished":
                return await self._finished(db_session, event, room)
            case "participant_joined" if not is_agent:
                at = _joined_at(event)
                if await calls.caller_came(room, who.identity, at, since=at):
                    return await self._news(db_session, room, self.board.caller_came)
                await self._turn_away(db_session, room)
            case "participant_left" | "participant_connection_aborted" if not is_agent:
                await calls.caller_left(room, who.identity, _joined_at(event))
            case "participant_left" | "participant_connection_aborted":
                attempt = attempt_of(who.attributes)
                if await calls.is_alone(room, attempt):
                    # One whose connection was aborted may be about to try again.
                    gone = attempt if event.event == "participant_left" else None
                    left = partial(self.board.agent_left, attempt=gone)
                    return await self._news(db_session, room, left)
        return None

    async def _turn_away(self, db_session: AsyncSession, room: str) -> None:
        """Whose call an operator has ended has a token still, and LiveKit lets them in. Where it can't be
        asked to end that room again, its webhook is refused: it is sent once more."""
        call = await CallRepository(db_session).in_room(room)
        if call and call.shut_at and call.status not in OPEN:
            credentials = await self.livekit.call_credentials(db_session, call)
            await self.livekit.delete_room(credentials, room)

    async def _finished(
        self, db_session: AsyncSession, event: WebhookEvent, room: str
    ) -> Callable[[], None] | None:
        """The room is gone, unless its caller is back: then there is another one of that name. LiveKit says
        in whole seconds when it was."""
        call = await RecoveryRepository(db_session).of_room(room)
        if call is None:
            return None
        calls, at = CallRepository(db_session), datetime.fromtimestamp(event.created_at + 1, UTC)
        if await calls.is_back(room, at):
            return partial(self.board.agent_left, self._input(call))
        await calls.end(room, "room finished")
        return partial(self.board.over, self._input(call))

    async def _news(
        self, db_session: AsyncSession, room: str, tell: Callable[[CallInput], None]
    ) -> Callable[[], None] | None:
        call = await RecoveryRepository(db_session).in_room(room)
        return partial(tell, self._input(call)) if call else None

    def _input(self, call: CarriedCall) -> CallInput:
        return self.board.input(call.call_id, call.agent_id, call.slug, call.room)

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


def _joined_at(event: WebhookEvent) -> datetime:
    """When somebody connected: by the millisecond where LiveKit says so."""
    return datetime.fromtimestamp(event.participant.joined_at_ms / 1000 or event.created_at, UTC)


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
