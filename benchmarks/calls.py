"""What a live call costs, in which somebody talks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from livekit import rtc

from agents.providers.offline.wav import synthesize_pcm
from benchmarks.bench import Bench, open_bench
from benchmarks.callers import waiting_caller
from benchmarks.measure import Result, Series
from benchmarks.processes import mcores, pss
from benchmarks.sample import STOCK_NAME
from benchmarks.scale import Scale, Tell
from benchmarks.stock import stock_worker
from stack.config import Service, StackError

_RATE = 16_000
_FRAME_BYTES = 2 * _RATE // 50
_EVERY_SECONDS = 6.0
"""A question, its answer, and a breath."""

_WARM_SECONDS = 8.0


async def measure(scale: Scale, tell: Tell) -> list[Result]:
    """The same calls to both sides, one side after the other; what each adds to its processes at rest."""
    speech = await asyncio.to_thread(synthesize_pcm, "where is my order", sample_rate=_RATE)
    async with open_bench() as bench:
        agent = await bench.deployed("calls")
        host = bench.pids[Service.RUNTIME]
        tell(f"{scale.talking} callers talk to ours")
        ours = await _cost(bench, host, agent.slug, speech, scale)
        tell("a stock worker starts")
        async with stock_worker(bench) as stock:
            await stock.registered()
            tell(f"{scale.talking} callers talk to stock")
            stocks = await _cost(bench, stock.pid, STOCK_NAME, speech, scale)
    calls = f"of {scale.talking}, a question every {_EVERY_SECONDS:g} s, offline providers"

    def result(what: str, unit: str, index: int) -> Result:
        return Result(
            f"{what} per live call {calls}",
            "MB" if unit == "MB" else "mcore",
            Series((ours[index],)),
            Series((stocks[index],)),
            better="less",
        )

    return [
        result("CPU", "mcore", 0),
        result("memory", "MB", 1),
        Result(
            f"CPU of LiveKit per live call {calls}",
            "mcore",
            Series((ours[2],)),
            Series((stocks[2],)),
            better="less",
        ),
    ]


async def _cost(bench: Bench, pid: int, name: str, speech: bytes, scale: Scale) -> tuple[float, float, float]:
    """Per call: mcore and MB of the agents' processes, mcore of LiveKit."""
    watched = {"agents": pid, "livekit": bench.pids[Service.LIVEKIT]}
    await bench.settle(pid)
    idle_cpu, idle = await mcores(watched, scale.watch_seconds / 4), pss(pid)
    async with AsyncExitStack() as calls:
        for _ in range(scale.talking):
            await calls.enter_async_context(_talk(bench, name, speech))
        await asyncio.sleep(_WARM_SECONDS)
        cpu, memory = await mcores(watched, scale.watch_seconds), pss(pid)
    return (
        (cpu["agents"] - idle_cpu["agents"]) / scale.talking,
        (memory - idle) / scale.talking,
        (cpu["livekit"] - idle_cpu["livekit"]) / scale.talking,
    )


@asynccontextmanager
async def _talk(bench: Bench, name: str, speech: bytes) -> AsyncIterator[None]:
    """A call in which the caller asks again and again, for as long as the block lasts."""
    async with waiting_caller(bench) as caller:
        if await caller.joined_by(name) == float("inf"):
            raise StackError(f"{name} did not answer a call")
        talking = asyncio.create_task(_microphone(caller.room, speech))
        try:
            yield
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)


async def _microphone(room: rtc.Room, speech: bytes) -> None:
    source = rtc.AudioSource(_RATE, 1, queue_size_ms=100)
    track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    await room.local_participant.publish_track(track, options)
    silence = bytes(max(0, int(_EVERY_SECONDS * _RATE) * 2 - len(speech)))
    round_ = speech + silence
    while True:
        for at in range(0, len(round_), _FRAME_BYTES):
            piece = round_[at : at + _FRAME_BYTES].ljust(_FRAME_BYTES, b"\0")
            await source.capture_frame(rtc.AudioFrame(piece, _RATE, 1, _FRAME_BYTES // 2))
