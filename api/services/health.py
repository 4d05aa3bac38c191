"""Whether each part of the platform answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from sqlalchemy import text
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from api.postgres import Postgres
from api.schemas.base import Answer
from api.schemas.hosts import HostItem
from api.services.livekit import LiveKit
from common.errors import BionicError
from db.repositories.hosts import HostRepository
from workflows.absence import no_namespace

_BOUND = timedelta(seconds=2)
_CACHE_SECONDS = 1.0
_MOST_NAMED = 3


class Component(Answer):
    """One part of the platform."""

    status: Literal["ok", "degraded", "down"]
    """`degraded`: calls are served, but not all that it is for is done."""
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

    @property
    def serves(self) -> bool:
        """Whether no part is down."""
        return all(part.status != "down" for _, part in self.components)

    def without_details(self) -> HealthAnswer:
        """What strangers may know: details name servers and keys."""
        bare = {name: Component(status=part.status) for name, part in self.components}
        return HealthAnswer(status=self.status, components=Components(**bare))


class Down(Exception):
    """A part does not do its work; the text tells people what to look at."""


class Limited(Exception):
    """A part serves calls, but does not do all that it is for; the text as that of `Down`."""


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
        namespace = self.temporal.namespace
        request = DescribeNamespaceRequest(namespace=namespace)
        try:
            # A Temporal whose store is lost or stuck says of itself that it serves.
            await self.temporal.workflow_service.describe_namespace(request, timeout=_BOUND)
        except RPCError as error:
            if no_namespace(error):
                raise Down(f"Temporal has no namespace “{namespace}”. Check TEMPORAL_NAMESPACE.") from None
            raise

    async def _livekit(self) -> None:
        async with self.postgres.begin() as db_session:
            credentials = await self.livekit.platform_credentials(db_session)
        await self.livekit.check(credentials)

    async def _runtime(self) -> None:
        async with self.postgres.begin() as db_session:
            hosts = await HostRepository(db_session).list()
        there = [host for host in map(HostItem.of, hosts) if host.status not in {"silent", "gone"}]
        if not there:
            raise Down("No runtime host runs. Start one with: python -m workers.runtime")
        if all(host.status != "up" for host in there):
            shut = ", ".join(f"“{host.name}” is {host.status}" for host in there[:_MOST_NAMED])
            more = f" and {len(there) - _MOST_NAMED} more" if len(there) > _MOST_NAMED else ""
            raise Limited(
                f"No host takes agents: {shut}{more}. What is deployed now waits, and so do the agents of a "
                "host that dies. Uncordon one, or start another."
            )


async def _component(check: Callable[[], Awaitable[None]], silence: str) -> Component:
    try:
        async with asyncio.timeout(_BOUND.total_seconds()):
            await check()
    except BionicError as error:
        return Component(status="down", detail=error.message)
    except Down as error:
        return Component(status="down", detail=str(error))
    except Limited as error:
        return Component(status="degraded", detail=str(error))
    except (TimeoutError, RPCError, RuntimeError, OSError):
        # A lazy Temporal client raises RuntimeError when its first connection fails.
        return Component(status="down", detail=silence)
    return Component(status="ok")
