"""A stack of its own for one figure, and the few things that are done to it."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
from livekit import api

from benchmarks.processes import quiet
from benchmarks.registrations import Registrations
from benchmarks.sample import CONFIG
from stack.config import StackConfig, StackError
from stack.embedded import Stack
from stack.ports import free_ports

_HEALTHY_SECONDS = 60.0
_REQUEST_SECONDS = 60.0
_AT_ONCE = 4
_HASTE = {"BIONIC_DRAIN_SECONDS": "5"}
"""A host that is restarted does not wait for long."""


@dataclass(frozen=True)
class Agent:
    """A draft or a deployed agent."""

    id: str
    slug: str

    @property
    def names(self) -> tuple[str, str]:
        """What its first version registers with LiveKit: it is up once both are."""
        return (self.version(1), self.slug)

    def version(self, number: int) -> str:
        """The name of one version alone."""
        return f"{self.slug}@v{number}"


@dataclass(frozen=True)
class Accepted:
    """A deploy request, in seconds since the epoch."""

    agent: Agent
    sent: float
    accepted: float
    """When its 202 was here."""


class Busy(StackError):
    """The API has too much to do; where it may have taken the wish, the same again is a newer one."""

    def __init__(self, path: str, again: float) -> None:
        super().__init__(f"{path} answered 503")
        self.again = again
        """In how many seconds it wants to be asked again."""


@dataclass(frozen=True)
class Bench:
    """A running stack and clients of its API and of LiveKit's."""

    stack: Stack
    registrations: Registrations
    http: aiohttp.ClientSession
    livekit: api.LiveKitAPI

    async def _post(self, path: str, body: object, expect: int) -> tuple[float, Any]:
        return await self._ask("POST", path, expect, json=body)

    async def _ask(self, method: str, path: str, expect: int, **more: Any) -> tuple[float, Any]:
        """When the answer came, and what it is."""
        async with self.http.request(method, f"{self.stack.api_url}{path}", **more) as response:
            at = time.time()
            if response.status == HTTPStatus.SERVICE_UNAVAILABLE:
                raise Busy(path, float(response.headers.get("Retry-After", 2)))
            if response.status != expect:
                raise StackError(f"{path} answered {response.status}: {await response.text()}")
            return at, await response.json()

    async def create(self, name: str) -> Agent:
        """A new draft."""
        slug = f"{name}-{uuid.uuid4().hex[:8]}"
        _, body = await self._post("/api/agents", {"name": name, "slug": slug, "config": CONFIG}, 201)
        return Agent(str(body["id"]), slug)

    async def create_many(self, name: str, count: int) -> list[Agent]:
        """New drafts, a few at a time."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(number: int) -> Agent:
            async with gate:
                return await self.create(f"{name}-{number}")

        return list(await asyncio.gather(*(one(number) for number in range(count))))

    async def deploy_gently(self, agents: list[Agent]) -> None:
        """Have all of them registered, a few at a time."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(agent: Agent) -> None:
            async with gate:
                accepted = await self.deploy(agent)
                await self.registered(agent, after=accepted.sent)

        await asyncio.gather(*(one(agent) for agent in agents))

    async def deploy(self, agent: Agent) -> Accepted:
        """Have the API deploy it; returns when that is accepted."""
        sent = time.time()
        accepted, _ = await self._post(f"/api/agents/{agent.id}/deploy", {}, 202)
        return Accepted(agent, sent, accepted)

    async def change(self, agent: Agent, instructions: str) -> None:
        """Another draft: the next deploy makes a version of it."""
        body = {"config": {**CONFIG, "instructions": instructions}}
        await self._ask("PATCH", f"/api/agents/{agent.id}", 200, json=body)

    async def settings(self, **changes: str | None) -> None:
        """Change settings of the platform; who is deployed later is given them."""
        await self._ask("PUT", "/api/settings", 200, json=changes)

    async def token(self, agent: Agent) -> tuple[str, str]:
        """A token for a room of its own, as a widget gets it, and the room's name."""
        wish = {"input": json.dumps({"agentId": agent.id})}
        _, body = await self._ask("GET", "/api/trpc/livekit.getToken", 200, params=wish)
        data = body["result"]["data"]
        return str(data["token"]), str(data["room"])

    async def replaced(self, agent: Agent, seconds: float = 30.0) -> None:
        """Wait until what the agent's newest deployment replaced has ended: it takes latecomers a while."""
        async with asyncio.timeout(seconds):
            while True:
                _, body = await self._ask("GET", f"/api/agents/{agent.id}/deployments", 200)
                if all(each["status"] in {"stopped", "failed"} for each in body["items"][1:]):
                    return
                await asyncio.sleep(0.2)

    async def is_live(self, agent: Agent, seconds: float = 30.0) -> None:
        """Wait until tokens are given out for it: Postgres hears of a registration a little later."""
        async with asyncio.timeout(seconds):
            while True:
                _, body = await self._ask("GET", f"/api/agents/{agent.id}", 200)
                if body["liveVersion"] is not None:
                    return
                await asyncio.sleep(0.05)

    async def host_is_up(self, name: str) -> bool:
        """Whether the platform lists a runtime host of that name as there."""
        _, body = await self._ask("GET", "/api/hosts", 200)
        return any(host["name"] == name and host["status"] == "up" for host in body["items"])

    async def registered(self, *agents: Agent, after: float, seconds: float = 60.0) -> dict[str, float]:
        """By slug, when the last name of each agent was registered with LiveKit."""
        names = [name for agent in agents for name in agent.names]
        times = await self.registrations.wait(names, after=after, seconds=seconds)
        return {agent.slug: max(times[name] for name in agent.names) for agent in agents}

    async def deployed(self, name: str) -> Agent:
        """A new agent that takes calls."""
        agent = await self.create(name)
        accepted = await self.deploy(agent)
        await self.registered(agent, after=accepted.sent)
        return agent

    @property
    def pids(self) -> dict[str, int]:
        """The main process of each service that runs."""
        services = (self.stack.service(name) for name in self.stack.config.services if name != "migrations")
        return {service.spec.name: service.pid for service in services if service.running}

    async def settle(self, *more: int, seconds: float = 20.0) -> bool:
        """Wait until our processes and those of `more` are at rest."""
        return await quiet(*self.pids.values(), *more, share=0.4, seconds=seconds)


@asynccontextmanager
async def open_bench(env: Mapping[str, str] = _HASTE, **more: Any) -> AsyncIterator[Bench]:
    """A fresh stack with nothing in it; gone at the end of the block, with all its files.

    `more` are other settings of the stack. Its host has a name of its own: the machine's could be taken by a
    host of another stack while ours is dead.
    """
    registrations = Registrations()
    with tempfile.TemporaryDirectory(prefix="bionic-bench-", ignore_cleanup_errors=True) as folder:
        config = StackConfig(
            state_dir=Path(folder),
            ports=free_ports(),
            env={"BIONIC_HOST_NAME": f"bench-{uuid.uuid4().hex[:8]}", **env},
            verbose=True,
            **more,
        )
        async with Stack(config, output=registrations) as stack:
            await stack.wait_healthy(_HEALTHY_SECONDS)
            headers = {"Authorization": f"Bearer {stack.api_key}"}
            url, key, secret = stack.livekit_url, stack.livekit_api_key, stack.livekit_api_secret
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0),
                    timeout=aiohttp.ClientTimeout(total=_REQUEST_SECONDS),
                    headers=headers,
                ) as http,
                api.LiveKitAPI(url.replace("ws", "http", 1), key, secret) as livekit,
            ):
                yield Bench(stack, registrations, http, livekit)
