"""`/api/events`: what happens, as it happens."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Annotated, Any, cast

from litestar import get
from litestar.params import FromQuery, HeaderParameter
from litestar.response import Stream
from litestar.response.base import ASGIResponse
from litestar.types import Message, Receive, Scope, Send

from api.dependencies import ThePlatform
from api.services.event_stream import EventQuery, EventStream, Follower

WRITE_SECONDS = 20.0
"""How long a follower may read nothing of what is sent to it, once all buffers are full."""

_HEADERS = {"X-Accel-Buffering": "no"}
"""Proxies must pass on what comes as it comes."""

_log = logging.getLogger("bionic.api")


class _Stuck(Exception):
    """Somebody reads nothing."""


@dataclass(frozen=True)
class _Bounded:
    """A response that ends when its reader does not read, and when it is over, lets the follower go."""

    answer: ASGIResponse
    stream: EventStream
    follower: Follower

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def in_time(message: Message) -> None:
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    await send(message)
            except TimeoutError:
                raise _Stuck from None

        try:
            await self.answer(scope, receive, in_time)
        except* _Stuck:
            _log.warning("a follower of events does not read: its connection ends")
        finally:
            self.stream.leave(self.follower)


class EventResponse(Stream):
    """What a follower is sent, for as long as it follows."""

    def __init__(self, stream: EventStream, follower: Follower) -> None:
        frames = stream.follow(follower)
        super().__init__(frames, media_type="text/event-stream", headers=_HEADERS)
        self._both = (stream, follower)

    def to_asgi_response(self, *args: Any, **kwargs: Any) -> ASGIResponse:
        """The response, bounded."""
        answer = super().to_asgi_response(*args, **kwargs)
        return cast("ASGIResponse", _Bounded(answer, *self._both))


@get("/api/events", operation_id="followEvents", tags=["events"], media_type="text/event-stream")
async def follow_events(
    platform: ThePlatform,
    kinds: FromQuery[str | None] = None,
    agent: FromQuery[str | None] = None,
    last_event_id: Annotated[str | None, HeaderParameter(name="Last-Event-ID")] = None,
) -> Stream:
    """Server-sent events: calls and deployments as they change, each once and in order.

    `kinds` names some, with commas in between: `call.ended,deployment.*`; `agent` is an id or a slug. Whoever
    comes back with `Last-Event-ID` gets what it missed. The event `gap` says that some of that is not kept.
    """
    follower = await platform.events.join(EventQuery(kinds, agent, last_event_id))
    return EventResponse(platform.events, follower)
