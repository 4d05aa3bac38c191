"""What tests of agents share: a LiveKit that does what they want, and processes forked as those of a host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from agents import registration
from agents.forked import job_context
from agents.warm import PRELOAD
from tests.agents.fake_livekit import FakeLiveKit

LOADED = [*PRELOAD, "tests.support.beginning", "tests.agents.leaking"]
"""For all tests alike: a forkserver lives as long as their process, and loads what the first one asks for."""


@pytest.fixture
async def forkserver() -> None:
    """Pools of job processes fork from it, and nothing is left to load when one is given its time."""
    context = job_context()
    context.set_forkserver_preload(LOADED)
    trial = context.Process(target=print)
    trial.start()
    await asyncio.to_thread(trial.join)


@pytest.fixture
async def livekit(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeLiveKit]:
    monkeypatch.setattr(registration, "RETRY_SECONDS", (0.01, 0.01, 0.01, 0.01))
    fake = FakeLiveKit()
    app = web.Application()
    app.router.add_get("/agent", fake.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"ws://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()
