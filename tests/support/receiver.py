"""Somebody's server that takes webhooks, checks their signatures as it should, and answers as it is told."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

Json = dict[str, Any]


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """What it is known by, however often it comes."""
        return self.headers["webhook-id"]

    @property
    def event(self) -> Json:
        """What it tells."""
        found: Json = json.loads(self.body)
        return found

    def verified(self, secret: str) -> Json:
        """The same, once the library for receivers says who signed it, and when; raises otherwise."""
        found: Json = Webhook(secret).verify(self.body, self.headers)
        return found


Answer = Callable[[Received], web.Response]


@dataclass
class Receiver:
    """All that was received, in order."""

    port: int = 0
    requests: list[Received] = field(default_factory=list)
    answer: Answer = lambda _: web.Response(text="thanks")
    seconds: float = 0.0
    """How long it takes to answer."""

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def times(self, path: str = "") -> Counter[str]:
        """How often each event came, to an address that ends so."""
        return Counter(each.id for each in self.requests if each.path.endswith(path))

    def kinds(self, **about: str) -> list[str]:
        """What came of that, in order, each event once."""
        events = {each.id: each.event for each in self.requests}.values()
        return [each["type"] for each in events if about.items() <= each["data"].items()]

    async def take(self, request: web.Request) -> web.Response:
        """Note it, and answer."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(request.path, headers, await request.read())
        self.requests.append(received)
        await asyncio.sleep(self.seconds)
        return self.answer(received)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a free port of loopback."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.port = runner.addresses[0][1]
    try:
        yield receiver
    finally:
        await runner.cleanup()
