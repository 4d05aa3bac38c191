"""LiveKit's webhooks, as they are sent by whoever has its key, or has not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
from google.protobuf.json_format import MessageToJson
from livekit import api
from livekit.protocol.models import ParticipantInfo, Room
from livekit.protocol.webhook import WebhookEvent

from agents.dispatch import ATTEMPT
from tests.support.platform import Json, Platform

HOOK = "/api/webhooks/livekit"


def signature(body: bytes, key: str, secret: str, ttl: float = 300) -> dict[str, str]:
    """The headers with which LiveKit sends a webhook."""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    token = api.AccessToken(key, secret).with_sha256(digest).with_ttl(timedelta(seconds=ttl)).to_jwt()
    return {"Authorization": token, "Content-Type": "application/webhook+json"}


def told(
    event: str,
    token: Json,
    *,
    age: float = 0,
    since: float | None = None,
    agent: str | None = None,
    attempt: int | None = None,
) -> bytes:
    """A webhook of a call's room, with an id of its own: of its agent, where that is named, else its caller.
    An agent of ours says its attempt.

    `age` is how many seconds ago it happened, and was told; `since` is when they had connected: at that
    moment as well, unless it is said.
    """
    at = time.time() - age
    since = at if since is None else since
    kind = ParticipantInfo.Kind.AGENT if agent else ParticipantInfo.Kind.STANDARD
    who = ParticipantInfo(
        identity=agent or token["identity"], kind=kind, joined_at=int(since), joined_at_ms=int(since * 1000)
    )
    if attempt:
        who.attributes[ATTEMPT] = str(attempt)
    event_id = f"EV_{uuid4().hex}"
    room = Room(name=token["room"])
    told = WebhookEvent(event=event, id=event_id, created_at=int(at), room=room, participant=who)
    return MessageToJson(told, indent=None).encode()


@dataclass(frozen=True)
class Hooks:
    """Somebody who sends webhooks to a platform, one that has its LiveKit's key."""

    platform: Platform

    def signed(self, body: bytes, **otherwise: Any) -> dict[str, str]:
        """The right headers, but for what is to be otherwise."""
        stack = self.platform.stack
        right = {"key": stack.livekit_api_key, "secret": stack.livekit_api_secret}
        return signature(body, **(right | otherwise))

    async def send(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """The answer to whoever sends that."""
        return await self.platform.http.post(HOOK, content=body, headers=headers)

    async def take(self, bodies: Iterable[bytes]) -> int:
        """Sends all at once, signed as they should be; how many were news."""
        answers = await asyncio.gather(*(self.send(body, self.signed(body)) for body in bodies))
        assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
        return sum(answer.json()["taken"] for answer in answers)
