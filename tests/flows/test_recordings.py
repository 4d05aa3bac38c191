"""Calls that are recorded, from the microphone to whoever listens to them later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from common.ogg import extent
from tests.support.caller import calling
from tests.support.hosts import another_host, carriers, order, own_host
from tests.support.jobs import call_processes
from tests.support.platform import ANSWER, ORDER, Json, Platform
from tests.support.sound import decoded
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

NOTICE = "This call is recorded."
RECORDED = {"enabled": True}
LONG = (
    "The answer has many words, so that somebody has the time to kill the one who says them before the end. "
    "It goes on for a good while, since a recording is written to the disk only every few seconds."
)


async def _call(platform: Platform, call_id: str) -> Json:
    found: Json = await platform.call("GET", f"/api/calls/{call_id}")
    return found


async def recorded(platform: Platform, call_id: str, count: int = 1) -> list[Json]:
    """The recordings of a call, once there are so many that are over."""

    async def look() -> list[Json] | None:
        found: list[Json] = (await _call(platform, call_id))["recordings"]
        return found if sum(each["state"] != "storing" for each in found) == count else None

    return await eventually(look, f"{count} recordings", seconds=30)


async def test_a_call_is_recorded_and_can_be_listened_to_in_parts(platform: Platform) -> None:
    agent = await platform.deployed("recorded", recording=RECORDED)
    token = await platform.token(agent["slug"])
    assert token["recordingNotice"] == NOTICE
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears(NOTICE)
        await caller.hears("Hello, how can I help?")
        await caller.asks(ORDER, ANSWER)
    (recording,) = await recorded(platform, token["callId"])
    assert recording["state"] == "stored"
    assert not recording["salvaged"]
    assert recording["notice"] == NOTICE
    answer = await platform.http.get(recording["url"])
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "audio/ogg"
    assert answer.headers["Content-Length"] == str(len(answer.content)) == str(recording["size"])
    sound = decoded(answer.content)
    assert sound.seconds == pytest.approx(recording["seconds"], abs=0.1)
    assert sound.caller > 0.5
    assert sound.agent > 2
    await _serves_ranges(platform, recording["url"], answer.content)
    assert (await platform.http.get(recording["url"], headers={"Authorization": ""})).status_code == 401
    spool = Path(platform.stack.config.state_dir) / "spool"
    assert not await asyncio.to_thread(lambda: list(spool.iterdir()))
    await _goes_with_its_agent(platform, agent["id"])


async def _serves_ranges(platform: Platform, url: str, whole: bytes) -> None:
    async def part(value: str, **more: str) -> tuple[int, bytes, str | None]:
        got = await platform.http.get(url, headers={"Range": value, **more})
        return got.status_code, got.content, got.headers.get("Content-Range")

    size = len(whole)
    assert await part("bytes=0-3") == (206, b"OggS", f"bytes 0-3/{size}")
    assert await part("bytes=100-") == (206, whole[100:], f"bytes 100-{size - 1}/{size}")
    assert await part("bytes=-10") == (206, whole[-10:], f"bytes {size - 10}-{size - 1}/{size}")
    assert await part(f"bytes={size}-") == (416, b"", f"bytes */{size}")
    assert await part("bytes=0-1,5-6") == (200, whole, None)
    assert await part("bytes=0-3", **{"If-Range": '"another"'}) == (200, whole, None)
    missing = await platform.http.get(url.replace("attempt=1", "attempt=2"))
    assert missing.status_code == 404


async def _goes_with_its_agent(platform: Platform, agent_id: str) -> None:
    """What is deleted leaves no file behind."""
    await platform.stop(agent_id)
    folder = Path(platform.stack.config.state_dir) / "storage" / "recordings" / agent_id
    assert await asyncio.to_thread(folder.exists)
    await platform.call("DELETE", f"/api/agents/{agent_id}", expect=204)

    async def gone() -> bool:
        return not await asyncio.to_thread(lambda: list(folder.glob("*/*")))

    await eventually(gone, "the recording deleted", seconds=30)


async def test_what_a_killed_agent_recorded_is_kept(platform: Platform) -> None:
    llm = {"provider": "scripted", "options": {"rules": [{"when": ORDER, "say": LONG}]}}
    agent = await platform.deployed("salvaged", llm=llm, recording=RECORDED)
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")
        await caller.speaks(ORDER)
        await caller.hears(LONG.split(".", maxsplit=1)[0], seconds=30)
        spool = Path(platform.stack.config.state_dir) / "spool"

        async def written() -> bool:
            return any(extent(path).seconds > 10 for path in await asyncio.to_thread(_sounds, spool))

        await eventually(written, "what was said written to the disk", seconds=10)
        (process,) = call_processes(platform.stack)
        process.kill()
        await caller.hears("Sorry, I was gone for a moment.", seconds=30)
    first, second = await recorded(platform, token["callId"], 2)
    assert (first["state"], first["salvaged"]) == ("stored", True)
    assert (second["state"], second["salvaged"]) == ("stored", False)
    before = decoded((await platform.http.get(first["url"])).content)
    assert before.seconds == pytest.approx(first["seconds"], abs=0.1)
    assert before.caller > 0.5
    assert before.agent > 5
    decoded((await platform.http.get(second["url"])).content)
    turns = [turn["text"] for turn in (await _call(platform, token["callId"]))["turns"]]
    assert turns.count(NOTICE) == 1
    await platform.stop(agent["id"])


def _sounds(spool: Path) -> list[Path]:
    return list(spool.glob("*.ogg"))


async def test_calls_are_not_recorded_unasked(platform: Platform) -> None:
    agent = await platform.deployed("unrecorded")
    token = await platform.token(agent["slug"])
    assert token["recordingNotice"] is None
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")

    async def over() -> Json | None:
        call = await _call(platform, token["callId"])
        return call if call["status"] == "ended" else None

    call = await eventually(over, "the end of the call", seconds=20)
    assert call["recordings"] == []
    assert call["analyses"] == []
    answer = await platform.http.get(f"/api/calls/{token['callId']}/recording")
    assert answer.status_code == 404
    await platform.stop(agent["id"])


@asynccontextmanager
async def cloud() -> AsyncIterator[tuple[str, list[str]]]:
    """What stands where LiveKit's cloud does, to which livekit-agents sends recordings; and what it got."""
    sent: list[str] = []

    async def take(request: web.Request) -> web.Response:
        sent.append(f"{request.path}: {len(await request.read())} bytes")
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}", sent
    finally:
        await runner.cleanup()


async def test_nothing_of_a_recording_goes_to_livekits_cloud(platform: Platform) -> None:
    first = await own_host(platform)
    async with cloud() as (url, sent), another_host(platform, "observed", LIVEKIT_OBSERVABILITY_URL=url):
        await order(platform, first, "cordon")
        try:
            agent = await platform.deployed("observed", recording=RECORDED)
            assert await carriers(platform, agent["id"]) == ["observed"]
            token = await platform.token(agent["slug"])
            async with calling(token["url"], token["token"]) as caller:
                await caller.hears("Hello, how can I help?")
            (recording,) = await recorded(platform, token["callId"])
            assert recording["state"] == "stored"
            await platform.stop(agent["id"])
        finally:
            await order(platform, first, "uncordon")
    assert sent == []
