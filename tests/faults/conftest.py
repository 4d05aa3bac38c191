"""Proxies before the servers, so that one can be away for some and there for others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from itertools import count
from typing import Any, Protocol

import pytest

from tests.support.platform import Json, Platform
from tests.support.toxiproxy import Proxy, Toxiproxy, toxiproxy_runs


class Behind(Protocol):
    """Deploys an agent behind a proxy of its own; `changes` are of its config."""

    def __call__(self, name: str, **changes: Any) -> Awaitable[tuple[Json, Proxy]]: ...


@pytest.fixture(scope="package")
async def toxiproxy() -> AsyncIterator[Toxiproxy]:
    """The process."""
    async with toxiproxy_runs() as running:
        yield running


@pytest.fixture(scope="package")
async def behind_a_proxy(platform: Platform, toxiproxy: Toxiproxy) -> Behind:
    """Deploys an agent that reaches LiveKit, as its callers do, by a proxy of its own."""
    numbers = count()

    async def deploy(name: str, **changes: Any) -> tuple[Json, Proxy]:
        stack = platform.stack
        proxy = await toxiproxy.before(f"livekit-{next(numbers)}", stack.livekit_url.partition("//")[2])
        own = {
            "url": f"ws://{proxy.address}",
            "apiKey": stack.livekit_api_key,
            "apiSecret": stack.livekit_api_secret,
        }
        return await platform.deployed(name, livekitConfig=own, **changes), proxy

    return deploy
