"""Registrations with LiveKit: how an agent becomes callable, and how it stops being so."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable

from livekit.agents import AgentServer, JobRequest
from livekit.agents import worker as livekit_worker

from agents.call import CallJob
from common.errors import LiveKitUnreachable
from common.livekit import LiveKitCredentials

logger = logging.getLogger(__name__)

REGISTER_SECONDS = 10.0
CONNECT_RETRIES = 4
"""Tries of livekit-agents itself, after 0, 2, 4 and 6 seconds; after that Temporal's retry policy decides."""

DEADLINE_LOOK_SECONDS = 0.5

CLOSE_SECONDS = 30.0
PRELOAD = ["agents.preload"]

# livekit-agents asks for the load twice a second to steer its pool of idle processes. We keep no idle
# processes, so with hundreds of registrations in a process that only burns CPU.
livekit_worker.UPDATE_LOAD_INTERVAL = 5.0


class HostedAgent:
    """One version of an agent, registered with LiveKit under each of its names.

    Every name is a websocket of its own; every call is a forked process of its own.
    """

    def __init__(
        self, job: CallJob, livekit: LiveKitCredentials, names: list[str], load: Callable[[], float]
    ) -> None:
        self.names = names
        self.calls_taken = 0
        self._job = job
        self._livekit = livekit
        self._worker_ids: dict[str, str] = {}
        self._servers = {name: self._server(name, load) for name in names}
        self._running: list[asyncio.Task[None]] = []
        self._told = asyncio.Event()
        self._deadline = math.inf
        self._departure: asyncio.Task[None] | None = None

    def _server(self, name: str, load: Callable[[], float]) -> AgentServer:
        server = AgentServer(
            ws_url=self._livekit.service_url,
            api_key=self._livekit.api_key,
            api_secret=self._livekit.api_secret,
            host="127.0.0.1",
            port=0,
            num_idle_processes=0,
            load_threshold=math.inf,
            load_fnc=load,
            max_retry=CONNECT_RETRIES,
            http_proxy=None,
            setup_fnc=self._job.prepare,
            preload_modules=PRELOAD,
        )
        server.rtc_session(self._job.run, agent_name=name, on_request=self._take)

        @server.on("worker_registered")
        def _on_registered(worker_id: str, _info: object) -> None:
            self._worker_ids[name] = worker_id

        return server

    async def _take(self, request: JobRequest) -> None:
        self.calls_taken += 1
        await request.accept(name=self._job.slug)

    @property
    def worker_id(self) -> str:
        """LiveKit's id of the first name's registration."""
        return self._worker_ids.get(self.names[0], "")

    @property
    def active_calls(self) -> int:
        """Calls that are going on now."""
        return sum(len(server.active_jobs) for server in self._servers.values() if self._running)

    @property
    def connected(self) -> bool:
        """Whether LiveKit can reach every registration now."""
        # livekit-agents tells when a connection was made, not when one was lost.
        return not any(server._connecting for server in self._servers.values())  # noqa: SLF001

    async def register(self) -> str:
        """Connect and register every name; returns LiveKit's id of the first.

        Raises:
            LiveKitUnreachable: LiveKit did not take the registrations within `REGISTER_SECONDS`.
        """
        self._running = [
            asyncio.create_task(server.run(devmode=False), name=f"agent {name}")
            for name, server in self._servers.items()
        ]
        registered = asyncio.create_task(self._all_registered())
        try:
            await asyncio.wait(
                [registered, *self._running], timeout=REGISTER_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            registered.cancel()
        if len(self._worker_ids) < len(self.names):
            raise LiveKitUnreachable(f"LiveKit at {self._livekit.url} did not take the registration.")
        return self.worker_id

    async def _all_registered(self) -> None:
        futures = []
        for name, server in self._servers.items():
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            futures.append(future)

            def _done(*_: object, future: asyncio.Future[None] = future) -> None:
                if not future.done():
                    future.set_result(None)

            server.once("worker_registered", _done)
            if name in self._worker_ids:
                _done()
        await asyncio.gather(*futures)

    async def lost(self) -> None:
        """Return once a registration is gone for good: livekit-agents gave up connecting again."""
        await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    @property
    def departed(self) -> bool:
        """True when nothing of the agent is left here."""
        return self._departure is not None and self._departure.done()

    async def told_to_leave(self) -> None:
        """Return once `leave` was called."""
        await self._told.wait()

    def leave(self, seconds: float) -> asyncio.Task[None]:
        """Take no new calls; end with the running ones, or after `seconds`. Said again, the earlier counts.

        The task it gives is done when nothing of the agent is left here.
        """
        self._deadline = min(self._deadline, asyncio.get_running_loop().time() + seconds)
        self._told.set()
        if self._departure is None:
            self._departure = asyncio.create_task(self._depart(), name=f"departure of {self._job.slug}")
        return self._departure

    async def _depart(self) -> None:
        # `drain` waits for the calls, and holds a lock that `aclose` needs: it must be over before that.
        draining = [asyncio.create_task(server.drain(timeout=None)) for server in self._servers.values()]
        try:
            await self._until_deadline(draining)
        finally:
            for task in draining:
                task.cancel()
            await asyncio.gather(*draining, return_exceptions=True)
            await self._close()

    async def _until_deadline(self, draining: list[asyncio.Task[None]]) -> None:
        """Wait for `draining`, looking up in between: the deadline may have come nearer."""
        loop = asyncio.get_running_loop()
        pending: set[asyncio.Task[None]] = set(draining)
        while pending and loop.time() < self._deadline:
            patience = min(DEADLINE_LOOK_SECONDS, self._deadline - loop.time())
            _, pending = await asyncio.wait(pending, timeout=patience)
        if pending and self.active_calls:
            logger.warning("calls are cut: the time to drain is over", extra={"agent": self._job.slug})

    async def _close(self) -> None:
        closing = asyncio.gather(
            *(server.aclose() for server in self._servers.values()), return_exceptions=True
        )
        try:
            await asyncio.wait_for(closing, CLOSE_SECONDS)
        except TimeoutError:
            logger.exception("a registration did not close", extra={"agent": self._job.slug})
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
