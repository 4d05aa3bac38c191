"""The stack as an object: `async with Stack(StackConfig(...)) as stack`."""

from __future__ import annotations

import asyncio
import os
from types import TracebackType
from typing import Self

from common.login import mint_login_token
from stack.config import Service, StackConfig, StackError
from stack.guarding import Guard
from stack.health import request
from stack.keys import Keys, load_keys
from stack.lock import StateLock
from stack.logs import Output, Silent
from stack.ports import check_ports
from stack.postgres import EmbeddedPostgres
from stack.prepare import prepare_servers
from stack.progress import Progress
from stack.services import Addresses, service_specs
from stack.supervisor import Supervised, Surroundings


class Stack:
    """Real servers and our own processes on this machine, until the block ends.

    Entering starts what the config asks for and returns when all of it is healthy; `StackError` says what was
    not. Leaving stops everything in reverse order and leaves no process.
    """

    def __init__(
        self,
        config: StackConfig | None = None,
        *,
        output: Output | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.config = config or StackConfig()
        self._output = output or Silent()
        self._progress = progress or Progress()
        self._lock = StateLock(self.config.state_dir)
        self._guard = Guard()
        self._services: dict[Service, Supervised] = {}
        self._keys: Keys | None = None
        self.closing = False
        """True once it is being stopped, for whatever reason."""
        self.addresses = Addresses.of(self.config)

    # -- where things are --------------------------------------------------------------------------

    @property
    def api_url(self) -> str:
        """Base URL of the API and the console."""
        return self.addresses.api_url

    @property
    def database_url(self) -> str:
        """The product's database, as `postgresql://…`."""
        return self.addresses.database_url

    @property
    def temporal_address(self) -> str:
        """`host:port` of Temporal's frontend."""
        return self.addresses.temporal_address

    @property
    def temporal_ui_url(self) -> str:
        """Temporal's web UI."""
        return self.addresses.temporal_ui_url

    @property
    def livekit_url(self) -> str:
        """`ws://…` of LiveKit, as browsers reach it."""
        return self.addresses.livekit_url

    @property
    def livekit_api_key(self) -> str:
        """LiveKit's API key."""
        return self.addresses.livekit_api_key

    @property
    def livekit_api_secret(self) -> str:
        """The secret to `livekit_api_key`."""
        return self.addresses.livekit_api_secret

    @property
    def keys(self) -> Keys:
        """Master key and API key; there once the stack was entered."""
        if self._keys is None:
            raise StackError("The stack was not started")
        return self._keys

    @property
    def api_key(self) -> str:
        """For `Authorization: Bearer`."""
        return self.keys.api

    def login_url(self) -> str:
        """A link that signs its reader in to the console. Treat it like a password."""
        return f"{self.api_url}/login/{mint_login_token(self.keys.master)}"

    # -- life --------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        try:
            await self._start_all()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stops all services, the last started first. Bounded; may be called twice."""
        self.closing = True
        for service in self._services.values():
            service.expect_end()
        for service in reversed(self._services.values()):
            await service.close()
        await self._guard.close()
        if self.config.runs(Service.POSTGRES) and self._services:
            postgres = EmbeddedPostgres(self.config.state_dir)
            await asyncio.to_thread(postgres.end_orphans)
            postgres.forget_socket()
        self._services = {}
        self._lock.release()

    def hurry(self) -> None:
        """Kills everything at once: `close` then has nothing to wait for."""
        for service in self._services.values():
            service.kill_now()

    async def _start_all(self) -> None:
        # The database's system user must get through this folder; nobody but us needs to look into it.
        self.config.state_dir.mkdir(parents=True, exist_ok=True)
        self.config.state_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
        self._lock.acquire()
        check_ports(self.config)
        binaries = await prepare_servers(self.config, self._progress)
        check_ports(self.config)  # again: a build takes minutes
        self._keys = load_keys(self.config)
        await self._guard.start()
        around = Surroundings(self.config, self._output, self._guard)
        for spec in service_specs(self.config, self._keys, binaries):
            self._services[spec.name] = Supervised(spec, around)
        try:
            async with asyncio.TaskGroup() as group:
                tasks: dict[Service, asyncio.Task[None]] = {}
                for name, service in self._services.items():
                    before = [tasks[need] for need in service.spec.needs if need in tasks]
                    tasks[name] = group.create_task(_start_after(before, service), name=f"start {name}")
        except BaseExceptionGroup as failures:
            found = failures.subgroup(StackError)
            if found is None:
                raise
            raise _leaves(found)[0] from None

    # -- what tests and people do to it ------------------------------------------------------------

    def service(self, name: str) -> Supervised:
        """One service; raises `StackError` when it is not part of this stack."""
        try:
            return self._services[Service(name)]
        except (KeyError, ValueError):
            raise StackError(f"{name} is not part of this stack") from None

    def process(self, name: str) -> Supervised:
        """The process of a service: `.pid`, `.running`, `.starts`."""
        return self.service(name)

    async def start(self, name: str) -> None:
        """Starts a service that was stopped, and waits until it is healthy."""
        await self.service(name).start()

    async def stop(self, name: str) -> None:
        """Stops a service as its own signal does; nothing restarts it until `start`."""
        await self.service(name).stop()

    async def restart(self, name: str) -> None:
        """Stops and starts."""
        await self.stop(name)
        await self.start(name)

    def kill(self, name: str, number: int) -> None:
        """Sends a signal to the service's process, as an accident would. A dead process is started again."""
        self.service(name).signal(number)

    async def wait_healthy(self, seconds: float) -> None:
        """Until `/health` answers 200; raises `StackError` with what it says otherwise."""
        answer = None
        try:
            async with asyncio.timeout(seconds):
                while answer is None or answer.status != 200:
                    answer = await request("GET", f"{self.api_url}/health")
                    await asyncio.sleep(0 if answer is not None and answer.status == 200 else 0.1)
        except TimeoutError:
            said = "does not answer" if answer is None else f"says {answer.status}: {answer.body}"
            raise StackError(f"After {seconds:.0f} s, {self.api_url}/health {said}") from None


async def _start_after(before: list[asyncio.Task[None]], service: Supervised) -> None:
    if before:
        # One that failed cancels the whole group, this task too.
        await asyncio.wait(before)
    if all(task.exception() is None for task in before if not task.cancelled()):
        await service.start()


def _leaves(group: BaseExceptionGroup[StackError]) -> list[StackError]:
    found: list[StackError] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
