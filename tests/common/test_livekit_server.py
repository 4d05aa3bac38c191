"""What LiveKit may answer, in words that name the cure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

import common.livekit_server as livekit_server_module
from common.errors import LiveKitError, LiveKitRefused, LiveKitUnreachable
from common.livekit import LiveKitCredentials
from common.livekit_server import check_livekit
from stack import Stack
from tests.support.otlp import blackhole

SECRET = "secret-of-at-least-thirty-two-characters"


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client session."""
    async with aiohttp.ClientSession() as session:
        yield session


@asynccontextmanager
async def _answering(status: int, body: str) -> AsyncIterator[str]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"ws://{host}:{port}"
    finally:
        await runner.cleanup()


@pytest.mark.unit
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, '{"code":"unauthenticated","msg":"invalid token"}', LiveKitRefused),
        (403, "", LiveKitRefused),
        (500, "oops", LiveKitUnreachable),
        (404, "<html>not LiveKit</html>", LiveKitUnreachable),
        (200, "not protobuf at all", LiveKitUnreachable),
    ],
)
async def test_strange_servers(
    http: aiohttp.ClientSession, status: int, body: str, kind: type[LiveKitError]
) -> None:
    async with _answering(status, body) as url:
        with pytest.raises(kind) as raised:
            await check_livekit(LiveKitCredentials(url, "key", SECRET, "settings"), http)
    assert url in raised.value.message
    assert "Check Settings → LiveKit." in raised.value.message
    assert SECRET not in raised.value.message


@pytest.mark.unit
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ws://127.0.0.1:9", "refused"),
        ("ws://name.invalid", "can't be reached"),
        ("nonsense", "can't be reached"),
    ],
)
async def test_nobody_there(http: aiohttp.ClientSession, url: str, words: str) -> None:
    with pytest.raises(LiveKitUnreachable) as raised:
        await check_livekit(LiveKitCredentials(url, "key", SECRET, "agent"), http)
    assert words in raised.value.message
    assert "Check the agent's livekitConfig." in raised.value.message


@pytest.mark.unit
async def test_a_missing_secret_is_not_taken_from_elsewhere(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEKIT_API_SECRET", SECRET)
    with pytest.raises(LiveKitRefused, match="There is no API key or secret"):
        await check_livekit(LiveKitCredentials("ws://127.0.0.1:9", "key", ""), http)


@pytest.mark.unit
async def test_silence_has_a_bound(http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(livekit_server_module, "CHECK_SECONDS", 0.2)
    async with blackhole() as url, asyncio.timeout(3):
        with pytest.raises(LiveKitUnreachable, match="did not answer in time"):
            await check_livekit(LiveKitCredentials(url, "key", SECRET), http)


@pytest.mark.integration
async def test_a_real_livekit_takes_its_key_and_refuses_others(
    http: aiohttp.ClientSession, stack: Stack
) -> None:
    await check_livekit(
        LiveKitCredentials(stack.livekit_url, stack.livekit_api_key, stack.livekit_api_secret), http
    )
    for key, secret in [("nobody", stack.livekit_api_secret), (stack.livekit_api_key, SECRET)]:
        with pytest.raises(LiveKitRefused, match="refused the API key"):
            await check_livekit(LiveKitCredentials(stack.livekit_url, key, secret), http)
