"""`python -m benchmarks.names 2000 16000`: what one LiveKit server bears of registered names.

Not part of `make bench`: it is for `docs/scale.md`. A name is a websocket, for hosts of ours and stock alike.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from livekit import api
from livekit.protocol import agent as lk

from benchmarks.measure import Series
from benchmarks.processes import mcores, pss
from stack.config import Service, StackConfig
from stack.embedded import Stack
from stack.ports import free_ports

_AT_ONCE = 50
_IDLE_SECONDS = 40.0
"""Two rounds of pings."""

_DISPATCHES = 10


class Names:
    """Names that are registered, and offers of jobs that come to them."""

    def __init__(self, stack: Stack, http: aiohttp.ClientSession) -> None:
        self.offers: asyncio.Queue[float] = asyncio.Queue()
        self._stack, self._http = stack, http
        self._listeners: list[asyncio.Task[None]] = []
        self._token = (
            api.AccessToken(stack.livekit_api_key, stack.livekit_api_secret)
            .with_grants(api.VideoGrants(agent=True))
            .to_jwt()
        )

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._listeners)

    async def grow(self, total: int) -> float:
        """Register more until there are `total`; returns how many a second."""
        before, began, gate = self.count, time.perf_counter(), asyncio.Semaphore(_AT_ONCE)

        async def one(number: int) -> None:
            async with gate:
                await self.register(f"agent-{uuid.uuid4().hex[:8]}-{number}")

        await asyncio.gather(*(one(number) for number in range(before, total)))
        return (total - before) / (time.perf_counter() - began)

    async def register(self, name: str) -> None:
        """Register one name and listen to it."""
        socket = await self._http.ws_connect(
            f"{self._stack.livekit_url}/agent",
            headers={"Authorization": f"Bearer {self._token}"},
            heartbeat=20,
        )
        request = lk.RegisterWorkerRequest(type=lk.JobType.JT_ROOM, agent_name=name, version="1.0")
        await socket.send_bytes(lk.WorkerMessage(register=request).SerializeToString())
        await socket.receive()
        self._listeners.append(asyncio.create_task(self._listen(socket)))

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if lk.ServerMessage.FromString(message.data).HasField("availability"):
                self.offers.put_nowait(time.perf_counter())

    async def close(self) -> None:
        """Close all."""
        for listener in self._listeners:
            listener.cancel()
        await asyncio.gather(*self._listeners, return_exceptions=True)


async def dispatched(names: Names, client: api.LiveKitAPI, *, news: bool) -> Series:
    """Seconds from a dispatch to its offer; with `news`, another name was registered just before each."""
    await names.register("called")
    seconds = []
    for _ in range(_DISPATCHES):
        if news:
            await names.register(f"news-{uuid.uuid4().hex[:8]}")
        room = f"room-{uuid.uuid4().hex[:8]}"
        await client.room.create_room(api.CreateRoomRequest(name=room))
        began = time.perf_counter()
        await client.agent_dispatch.create_dispatch(
            api.CreateAgentDispatchRequest(agent_name="called", room=room)
        )
        seconds.append(await asyncio.wait_for(names.offers.get(), 30) - began)
        await client.room.delete_room(api.DeleteRoomRequest(room=room))
    return Series(tuple(seconds))


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[Stack, Names, api.LiveKitAPI]]:
    """A LiveKit server and nothing else."""
    with tempfile.TemporaryDirectory(prefix="bionic-names-") as folder:
        config = StackConfig(Path(folder), free_ports(), frozenset({Service.LIVEKIT}))
        async with (
            Stack(config) as stack,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        ):
            url, key, secret = stack.livekit_url, stack.livekit_api_key, stack.livekit_api_secret
            async with api.LiveKitAPI(url.replace("ws", "http", 1), key, secret) as client:
                names = Names(stack, http)
                try:
                    yield stack, names, client
                finally:
                    await names.close()


async def main(totals: list[int]) -> None:
    """One line for each number of names."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # LiveKit inherits it
    async with opened() as (stack, names, client):
        pids = {"livekit": stack.service(Service.LIVEKIT).pid}
        empty = pss(pids["livekit"])
        for total in totals:
            rate = await names.grow(total)
            cpu = (await mcores(pids, _IDLE_SECONDS))["livekit"]
            each = (pss(pids["livekit"]) - empty) / total * 1000
            calm = await dispatched(names, client, news=False)
            stirred = await dispatched(names, client, news=True)
            print(
                f"{total} names: {rate:.0f} registered a second, {each:.0f} kB each, {cpu:.0f} mcore; "
                f"dispatch to offer {calm.text('s')}, after a new name {stirred.text('s')}",
                flush=True,
            )


if __name__ == "__main__":
    asyncio.run(main([int(argument) for argument in sys.argv[1:]] or [2000]))
