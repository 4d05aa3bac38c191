"""Proxies before the servers, so that one can be away for some and there for others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count

import pytest

from tests.support.platform import Json, Platform
from tests.support.toxiproxy import Proxy, Toxiproxy, toxiproxy_runs

Behind = Callable[[str], Awaitable[tuple[Json, Proxy]]]


@pytest.fixture(scope="package")
async def toxiproxy() -> AsyncIterator[Toxiproxy]:
    """The process."""
    async with toxiproxy_runs() as running:
        yield running


@pytest.fixture(scope="package")
async def behind_a_proxy(platform: Platform, toxiproxy: Toxiproxy) -> Behind:
    """Deploys an agent that reaches LiveKit, as its callers do, by a proxy of its own."""
    numbers = count()

    async def deploy(name: str) -> tuple[Json, Proxy]:
        stack = platform.stack
        proxy = await toxiproxy.before(f"livekit-{next(numbers)}", stack.livekit_url.partition("//")[2])
        own = {
            "url": f"ws://{proxy.address}",
            "apiKey": stack.livekit_api_key,
            "apiSecret": stack.livekit_api_secret,
        }
        return await platform.deployed(name, livekitConfig=own), proxy

    return deploy
