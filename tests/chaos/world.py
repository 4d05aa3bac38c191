"""A platform of its own, everything that can be done to it, and what is wrong with it at the moment."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import uuid
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path

import httpx
from temporalio.client import Client

from common.status import Standing
from stack import free_ports
from stack.config import StackConfig
from stack.embedded import Stack
from tests.chaos.livekit_log import LiveKitLog
from tests.support.caller import Caller, calling
from tests.support.hosts import another_host
from tests.support.platform import Json, Platform
from tests.support.toxiproxy import Proxy, toxiproxy_runs
from tests.support.waiting import eventually
from workflows.policy import HEARTBEAT_TIMEOUT

BOOT_SECONDS = 60.0
DRAIN_SECONDS = 20
OWN = "own"
GUEST = "guest"


def _new_name(host: str) -> str:
    return f"{host}-{uuid.uuid4().hex[:6]}"


class World:
    """The platform with one host of its own, a second one that comes and goes, and LiveKit behind a proxy."""

    def __init__(
        self, platform: Platform, own_name: str, log: LiveKitLog, temporal: Client, livekit: Proxy
    ) -> None:
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
        self.names = {OWN: own_name, GUEST: _new_name(GUEST)}
        """As which the hosts are known; the second one's when it is not there: as which it was."""
        self.standing = {OWN: Standing.OPEN, GUEST: Standing.OPEN}
        """What operators want of each, as they were told."""
        self.heeded: dict[str, datetime] = {}
        """Since when it is known that one acts by it."""
        self.call: Caller | None = None
        """A call that goes on while other things happen."""
        self.heard: dict[str, list[str]] = {}
        """What callers who stayed heard whole, by the call's id."""
        self.orphaned = False
        """Whether a host was lost since it began: it may have had to wait for another agent."""
        self._can_go_on: Callable[[], bool] = bool
        self._guest_stack = AsyncExitStack()
        self._call_stack = AsyncExitStack()
        self._call_id = ""

    @property
    def calm(self) -> bool:
        """Whether nothing is wrong that lasts, and somebody takes agents."""
        return not self.cut and not self.frozen and bool(self.takers)

    @property
    def hosts(self) -> set[str]:
        """The hosts that can carry agents."""
        return ({OWN, GUEST} if self.guest else {OWN}) - self.frozen

    @property
    def takers(self) -> set[str]:
        """The hosts that take agents."""
        return {host for host in self.hosts if self.standing[host] is Standing.OPEN}

    @property
    def own_livekit(self) -> Json:
        """The config of an agent that reaches LiveKit by the proxy."""
        return {
            "url": f"ws://{self.livekit.address}",
            "apiKey": self.stack.livekit_api_key,
            "apiSecret": self.stack.livekit_api_secret,
        }

    @property
    def host_pids(self) -> list[int]:
        """Of the hosts that run."""
        own = self.stack.process("runtime").pid
        return [own, self.guest.pid] if self.guest else [own]

    @property
    def livekit_ports(self) -> set[int]:
        """Where LiveKit is reached, directly and by the proxy."""
        return {int(url.rpartition(":")[2]) for url in (self.stack.livekit_url, self.livekit.address)}

    async def ask(self, method: str, path: str, body: object = None) -> httpx.Response | None:
        """The API's answer; None when there is none."""
        try:
            return await self.platform.http.request(method, path, json=body)
        except httpx.TransportError:
            return None

    # -- services ----------------------------------------------------------------------------------

    async def kill(self, service: str) -> None:
        """SIGKILL; the stack starts it again. With LiveKit, every room is gone."""
        if service == "runtime":
            await self._orphan_call()
        if service == "livekit":
            await self.hang_up()
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
            return all(parts[name]["status"] != "down" for name in wanted)

        await eventually(up, "every service up", seconds=BOOT_SECONDS, every=0.1)

    # -- hosts -------------------------------------------------------------------------------------

    async def guest_comes(self, *, again: bool) -> None:
        """A second host; `again`, it is the one that was there last, and stands as it stood."""
        if not again:
            self.names[GUEST], self.standing[GUEST] = _new_name(GUEST), Standing.OPEN
            self.heeded.pop(GUEST, None)
        status = _STATUS[self.standing[GUEST]]
        log = self.stack.config.state_dir / "logs" / "guest.log"
        host = another_host(self.platform, self.names[GUEST], status, log=log)
        self.guest = await self._guest_stack.enter_async_context(host)

    async def guest_ends(self, number: signal.Signals) -> None:
        """It ends, by SIGTERM or SIGKILL."""
        assert self.guest is not None
        if number == signal.SIGKILL:
            await self._orphan_call()
            os.killpg(self.guest.pid, signal.SIGKILL)
        else:
            self.guest.send_signal(number)
            await self.hang_up()  # it waits for its last call
        self.frozen.discard(GUEST)
        await self._guest_stack.aclose()
        self.guest = None

    async def freeze(self, host: str, seconds: float) -> None:
        """SIGSTOP to a host; the calls in its job processes go on. Returns after `seconds`."""
        if seconds > HEARTBEAT_TIMEOUT.total_seconds():
            await self._orphan_call()
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

    async def keep_call(self, token: Json, can_go_on: Callable[[], bool]) -> None:
        """A caller stays until `hang_up`; `can_go_on` tells whether another agent may take the call up."""
        self.call = await self._call_stack.enter_async_context(calling(token["url"], token["token"]))
        self._call_id = token["callId"]
        await self.call.agent()
        self._can_go_on = can_go_on

    async def _orphan_call(self) -> None:
        """A host is about to be lost, maybe with the agent of the call."""
        if self._can_go_on():
            self.orphaned = self.call is not None
        else:
            await self.hang_up()

    async def look_at_call(self) -> bool:
        """Whether the caller who stays, if there is one, has an agent, or can have none now."""
        if self.call is None or self.call.agents:
            return True
        if self.orphaned and not self._can_go_on():
            await self.hang_up()  # its agent was stopped while it had none
        return self.call is None or (self.orphaned and (bool(self.frozen) or not self.hosts))

    async def hang_up(self) -> None:
        """The caller who stayed leaves."""
        if self.call:
            self.heard[self._call_id] = [words.text for words in self.call.heard]
        self.call, self.orphaned = None, False
        await self._call_stack.aclose()

    async def heal(self) -> None:
        """Nothing is wrong any more that lasts."""
        await self.wake()
        if self.cut:
            await self.mend_livekit()
        await self.hang_up()
        await self.all_up()
        await self._open_all()
        if self.guest is not None:
            await self.guest_ends(signal.SIGTERM)
        await self.all_up()

    async def _open_all(self) -> None:
        """Operators want nothing more of any host, those included that were here once."""
        for host in (await self.platform.call("GET", "/api/hosts"))["items"]:
            if host["standing"] != Standing.OPEN:
                await self.platform.call("POST", f"/api/hosts/{host['name']}/uncordon", expect=202)
        self.standing = dict.fromkeys(self.standing, Standing.OPEN)
        self.heeded.clear()


_STATUS = {Standing.OPEN: "up", Standing.CORDONED: "cordoned", Standing.DRAINED: "drained"}


@asynccontextmanager
async def a_world() -> AsyncIterator[World]:
    """One on free ports, in a folder of its own."""
    log, own_name = LiveKitLog(), _new_name(OWN)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        config = StackConfig(
            state_dir=Path(folder) / "state",
            ports=free_ports(),
            env={
                "BIONIC_DRAIN_SECONDS": str(DRAIN_SECONDS),
                "BIONIC_HOST_NAME": own_name,
                # A machine that is busy is no reason to refuse a caller.
                "BIONIC_TRUSTED_PROXIES": "127.0.0.1",
                "BIONIC_MAX_CALLS": "1000",
                "BIONIC_MAX_CPU": "1",
            },
            verbose=True,
        )
        async with Stack(config, output=log) as stack, toxiproxy_runs() as toxiproxy:
            await stack.wait_healthy(BOOT_SECONDS)
            headers = {"Authorization": f"Bearer {stack.api_key}"}
            async with httpx.AsyncClient(base_url=stack.api_url, headers=headers, timeout=20) as http:
                proxy = await toxiproxy.before("livekit", stack.livekit_url.partition("//")[2])
                temporal = await Client.connect(stack.temporal_address)
                yield World(Platform(stack, http), own_name, log, temporal, proxy)
