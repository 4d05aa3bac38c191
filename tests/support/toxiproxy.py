"""A TCP proxy before a server, which cuts, swallows or delays what goes through it when told to."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from stack import free_ports
from stack.build import TOXIPROXY, server_binary
from stack.config import PROJECT
from stack.process import ChildProcess
from stack.progress import Progress
from tests.support.waiting import eventually

LOOPBACK = "127.0.0.1"
DIRECTIONS = ("upstream", "downstream")


@dataclass(frozen=True)
class Proxy:
    """The way to one server."""

    name: str
    address: str
    """`host:port` at which it is reached through the proxy."""
    http: httpx.AsyncClient

    async def cut(self) -> None:
        """Connections end, and new ones are refused: as if the server had gone."""
        await self._set(enabled=False)

    async def mend(self) -> None:
        """All goes through again. What was swallowed is lost, and connections that saw that end."""
        for toxic in (await self._ask("GET", "")).get("toxics", []):
            await self._ask("DELETE", f"/toxics/{toxic['name']}")
        await self._set(enabled=True)

    async def swallow(self) -> None:
        """Connections stay and new ones are taken, but nothing comes through: a blackhole."""
        # A timeout of 0 never closes the connection.
        await self._poison("timeout", timeout=0)

    async def reset(self) -> None:
        """Connections are reset (RST) with the next thing that is said, new ones as well."""
        await self._poison("reset_peer", timeout=0)

    async def delay(self, milliseconds: int) -> None:
        """What is said arrives later, each way."""
        await self._poison("latency", latency=milliseconds)

    async def _poison(self, kind: str, **attributes: int) -> None:
        for direction in DIRECTIONS:
            toxic = {"name": f"{kind}_{direction}", "type": kind, "stream": direction}
            await self._ask("POST", "/toxics", {**toxic, "attributes": attributes})

    async def _set(self, *, enabled: bool) -> None:
        await self._ask("POST", "", {"enabled": enabled})

    async def _ask(self, method: str, path: str, body: object = None) -> Any:
        answer = await self.http.request(method, f"/proxies/{self.name}{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else {}


@dataclass(frozen=True)
class Toxiproxy:
    """The process with all its proxies."""

    http: httpx.AsyncClient

    async def before(self, name: str, server: str) -> Proxy:
        """A new proxy before `server`, which is `host:port`."""
        body = {"name": name, "listen": f"{LOOPBACK}:0", "upstream": server}
        answer = await self.http.post("/proxies", json=body)
        answer.raise_for_status()
        return Proxy(name, answer.json()["listen"], self.http)


@asynccontextmanager
async def toxiproxy_runs() -> AsyncIterator[Toxiproxy]:
    """Toxiproxy on a free port until the block ends."""
    program, port = await server_binary(TOXIPROXY, Progress()), free_ports().api
    process = await ChildProcess.spawn(
        [program, "-host", LOOPBACK, "-port", str(port)], env=os.environ, cwd=PROJECT, on_line=_unread
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}", timeout=5) as http:

            async def answers() -> bool:
                try:
                    return (await http.get("/version")).is_success
                except httpx.TransportError:
                    return False

            await eventually(answers, "Toxiproxy answering")
            yield Toxiproxy(http)
    finally:
        await process.stop(signal.SIGTERM, seconds=2)
        await process.close()


def _unread(_: str) -> None:
    """Its log tells of what we do to it."""
