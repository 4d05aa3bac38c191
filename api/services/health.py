"""Whether each part of the platform answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from sqlalchemy import text
from temporalio.client import Client
from temporalio.service import RPCError

from api.postgres import Postgres
from api.schemas.base import Answer
from api.services.livekit import LiveKit
from common.errors import BionicError
from db.repositories.hosts import HostRepository
from workflows.policy import HEARTBEAT_TIMEOUT

_BOUND = timedelta(seconds=2)
_CACHE_SECONDS = 1.0


class Component(Answer):
    """One part of the platform."""

    status: Literal["ok", "down"]
    detail: str | None = None


class Components(Answer):
    """Every part that calls need."""

    postgres: Component
    temporal: Component
    livekit: Component
    runtime: Component


class HealthAnswer(Answer):
    """`ok` when every part is."""

    status: Literal["ok", "degraded"]
    components: Components

    def without_details(self) -> HealthAnswer:
        """What strangers may know: details name servers and keys."""
        bare = {name: Component(status=part.status) for name, part in self.components}
        return HealthAnswer(status=self.status, components=Components(**bare))


class Down(Exception):
    """A part does not do its work; the text tells people what to look at."""


@dataclass
class HealthService:
    """Asks every part at once, and remembers the answer for a second."""

    postgres: Postgres
    temporal: Client
    livekit: LiveKit
    _at: float = -_CACHE_SECONDS
    _last: HealthAnswer | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self) -> HealthAnswer:
        """How everything is; takes about two seconds at most."""
        async with self._lock:
            if self._last is None or time.monotonic() - self._at > _CACHE_SECONDS:
                self._last = await self._ask()
                self._at = time.monotonic()
            return self._last

    async def _ask(self) -> HealthAnswer:
        postgres, temporal, livekit, runtime = await asyncio.gather(
            _component(self._postgres, "Postgres does not answer."),
            _component(self._temporal, "Temporal does not answer."),
            _component(self._livekit, "LiveKit does not answer in time."),
            _component(self._runtime, "Postgres does not answer, so the hosts are unknown."),
        )
        components = Components(postgres=postgres, temporal=temporal, livekit=livekit, runtime=runtime)
        good = all(part.status == "ok" for part in (postgres, temporal, livekit, runtime))
        return HealthAnswer(status="ok" if good else "degraded", components=components)

    async def _postgres(self) -> None:
        async with self.postgres.begin() as db_session:
            await db_session.execute(text("SELECT 1"))

    async def _temporal(self) -> None:
        if not await self.temporal.service_client.check_health(timeout=_BOUND):
            raise Down("Temporal says that it does not serve.")

    async def _livekit(self) -> None:
        async with self.postgres.begin() as db_session:
            credentials = await self.livekit.platform_credentials(db_session)
        await self.livekit.check(credentials)

    async def _runtime(self) -> None:
        async with self.postgres.begin() as db_session:
            silence = await HostRepository(db_session).newest_silence()
        if silence is None or silence > HEARTBEAT_TIMEOUT:
            raise Down("No runtime host runs. Start one with: python -m workers.runtime")


async def _component(check: Callable[[], Awaitable[None]], silence: str) -> Component:
    try:
        async with asyncio.timeout(_BOUND.total_seconds()):
            await check()
    except BionicError as error:
        return Component(status="down", detail=error.message)
    except Down as error:
        return Component(status="down", detail=str(error))
    except (TimeoutError, RPCError, RuntimeError, OSError):
        # A lazy Temporal client raises RuntimeError when its first connection fails.
        return Component(status="down", detail=silence)
    return Component(status="ok")
