"""A platform of its own, everything that can be done to it, and what is wrong with it at the moment."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import uuid
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
from temporalio.client import Client

from stack import free_ports
from stack.config import StackConfig
from stack.embedded import Stack
from tests.chaos.livekit_log import LiveKitLog
from tests.support.caller import Caller, calling
from tests.support.hosts import another_host
from tests.support.platform import Json, Platform
from tests.support.toxiproxy import Proxy, toxiproxy_runs
from tests.support.waiting import eventually

BOOT_SECONDS = 60.0
DRAIN_SECONDS = 20
OWN = "own"
GUEST = "guest"


class World:
    """The platform with one host of its own, a second one that comes and goes, and LiveKit behind a proxy."""

    def __init__(self, platform: Platform, log: LiveKitLog, temporal: Client, livekit: Proxy) -> None:
        self.platform = platform
        self.stack = platform.stack
        self.log = log
        self.temporal = temporal
        self.livekit = livekit
        self.cut = False
        """LiveKit is away for those who reach it by the proxy."""
        self.frozen: set[str] = set()
        """Hosts that are stopped by a signal, `OWN` or `GUEST`."""
        self.guest: Process | None = None
        self.call: Caller | None = None
        """A call that goes on while other things happen."""
        self._guest_stack = AsyncExitStack()
        self._call_stack = AsyncExitStack()

    @property
    def calm(self) -> bool:
        """Whether nothing is wrong that lasts."""
        return not self.cut and not self.frozen

    @property
    def hosts(self) -> set[str]:
        """The hosts that can carry agents."""
        return ({OWN, GUEST} if self.guest else {OWN}) - self.frozen

    @property
    def own_livekit(self) -> Json:
        """The config of an agent that reaches LiveKit by the proxy."""
        return {
            "url": f"ws://{self.livekit.address}",
            "apiKey": self.stack.livekit_api_key,
            "apiSecret": self.stack.livekit_api_secret,
        }

    async def ask(self, method: str, path: str, body: object = None) -> httpx.Response | None:
        """The API's answer; None when there is none."""
        try:
            return await self.platform.http.request(method, path, json=body)
        except httpx.TransportError:
            return None

    # -- services ----------------------------------------------------------------------------------

    async def kill(self, service: str) -> None:
        """SIGKILL; the stack starts it again. The call that goes on would not survive some of that."""
        if service in {"livekit", "runtime"}:
            await self.hang_up()
        if service == "livekit":
            self.log.forget()
        self.stack.kill(service, signal.SIGKILL)

    async def hang(self, service: str, seconds: float) -> None:
        """It does nothing for a while, and goes on as if nothing had been."""
        self.stack.kill(service, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self.stack.kill(service, signal.SIGCONT)

    async def all_up(self) -> None:
        """Return when every service that is not frozen answers."""

        async def up() -> bool:
            answer = await self.ask("GET", "/health")
            if answer is None:
                return False
            parts = answer.json()["components"]
            wanted = set(parts) if self.hosts else set(parts) - {"runtime"}
            return all(parts[name]["status"] == "ok" for name in wanted)

        await eventually(up, "every service up", seconds=BOOT_SECONDS, every=0.1)

    # -- hosts -------------------------------------------------------------------------------------

    async def guest_comes(self) -> None:
        """A second host."""
        host = another_host(self.platform, f"{GUEST}-{uuid.uuid4().hex[:6]}")
        self.guest = await self._guest_stack.enter_async_context(host)

    async def guest_ends(self, number: signal.Signals) -> None:
        """It ends, by SIGTERM or SIGKILL."""
        assert self.guest is not None
        if number == signal.SIGKILL:
            await self.hang_up()
            os.killpg(self.guest.pid, signal.SIGKILL)
        else:
            self.guest.send_signal(number)
            await self.hang_up()  # it waits for its last call
        self.frozen.discard(GUEST)
        await self._guest_stack.aclose()
        self.guest = None

    async def freeze(self, host: str, seconds: float) -> None:
        """SIGSTOP to a host; the calls in its job processes go on. Returns after `seconds`."""
        self._signal(host, signal.SIGSTOP)
        self.frozen.add(host)
        await asyncio.sleep(seconds)

    async def wake(self) -> None:
        """SIGCONT to all that are frozen."""
        for host in self.frozen:
            self._signal(host, signal.SIGCONT)
        self.frozen.clear()

    def _signal(self, host: str, number: signal.Signals) -> None:
        if host == OWN:
            self.stack.kill("runtime", number)
        elif self.guest is not None:
            self.guest.send_signal(number)

    # -- LiveKit and calls -------------------------------------------------------------------------

    async def cut_livekit(self, *, swallow: bool) -> None:
        """Take LiveKit away from those behind the proxy; with `swallow`, without a word."""
        self.cut = True
        await (self.livekit.swallow() if swallow else self.livekit.cut())

    async def mend_livekit(self) -> None:
        """Give it back."""
        await self.livekit.mend()
        self.cut = False

    async def keep_call(self, token: Json) -> None:
        """A caller stays until `hang_up`."""
        self.call = await self._call_stack.enter_async_context(calling(token["url"], token["token"]))
        await self.call.agent()

    async def hang_up(self) -> None:
        """The caller who stayed leaves."""
        self.call = None
        await self._call_stack.aclose()

    async def heal(self) -> None:
        """Nothing is wrong any more that lasts."""
        await self.wake()
        if self.cut:
            await self.mend_livekit()
        await self.hang_up()
        if self.guest is not None:
            await self.guest_ends(signal.SIGTERM)
        await self.all_up()


@asynccontextmanager
async def a_world() -> AsyncIterator[World]:
    """One on free ports, in a folder of its own."""
    log = LiveKitLog()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        config = StackConfig(
            state_dir=Path(folder) / "state",
            ports=free_ports(),
            env={
                "BIONIC_DRAIN_SECONDS": str(DRAIN_SECONDS),
                "BIONIC_HOST_NAME": f"{OWN}-{uuid.uuid4().hex[:6]}",
            },
            verbose=True,
        )
        async with Stack(config, output=log) as stack, toxiproxy_runs() as toxiproxy:
            await stack.wait_healthy(BOOT_SECONDS)
            headers = {"Authorization": f"Bearer {stack.api_key}"}
            async with httpx.AsyncClient(base_url=stack.api_url, headers=headers, timeout=20) as http:
                proxy = await toxiproxy.before("livekit", stack.livekit_url.partition("//")[2])
                temporal = await Client.connect(stack.temporal_address)
                yield World(Platform(stack, http), log, temporal, proxy)
