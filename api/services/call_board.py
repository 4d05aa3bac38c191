"""What the API tells the workflows of calls: in the background, so that no caller and no webhook waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from temporalio.service import RPCError

from common.errors import Unavailable
from workflows.call_types import CallInput

QUEUE_LIMIT = 10_000
"""News that wait while Temporal is away or slow. Beyond it, what is new is dropped and counted: a workflow
looks for itself now and then, and hosts tell of agents that are lost."""

AT_ONCE = 16
SAID_EVERY = 1000
RETRY_SECONDS = 1.0
PATIENCE_SECONDS = 300.0
"""For how long it is tried: Temporal may be away for five minutes."""

_log = logging.getLogger("bionic.api")


class News(Protocol):
    """Who tells the workflows; `workflows.call_wishes` does. Raises `Unavailable` where Temporal is away."""

    async def begin(self, call: CallInput) -> None:
        """A token was minted."""

    async def caller_came(self, call: CallInput) -> None:
        """The caller is in the room."""

    async def agent_left(self, call: CallInput, attempt: int | None = None) -> None:
        """The agent of that attempt has left the room, and the caller has not."""

    async def over(self, call: CallInput) -> None:
        """The room is gone."""


@dataclass
class CallBoard:
    """A queue of news, and those who deliver them."""

    news: News
    patience_seconds: float
    """How long a caller may be without an agent."""
    dropped: int = 0
    _queue: asyncio.Queue[Callable[[], Awaitable[None]]] = field(
        default_factory=lambda: asyncio.Queue(QUEUE_LIMIT)
    )

    def input(self, call_id: UUID, agent_id: UUID, slug: str, room: str) -> CallInput:
        """The workflow of a call."""
        return CallInput(str(call_id), str(agent_id), slug, room, self.patience_seconds)

    def begun(self, call: CallInput) -> None:
        """A token was minted."""
        self._put(lambda: self.news.begin(call))

    def caller_came(self, call: CallInput) -> None:
        """The caller is in the room."""
        self._put(lambda: self.news.caller_came(call))

    def agent_left(self, call: CallInput, attempt: int | None = None) -> None:
        """The agent of that attempt has left the room, and the caller has not."""
        self._put(lambda: self.news.agent_left(call, attempt))

    def over(self, call: CallInput) -> None:
        """The room is gone."""
        self._put(lambda: self.news.over(call))

    def _put(self, tell: Callable[[], Awaitable[None]]) -> None:
        try:
            self._queue.put_nowait(tell)
        except asyncio.QueueFull:
            self._drop("Temporal does not keep up")

    def _drop(self, why: str) -> None:
        """Count it; said the first time and then for every thousandth, for there may be ten thousand."""
        if self.dropped % SAID_EVERY == 0:
            said = {"dropped": self.dropped + 1}
            _log.error("%s: workflows of calls are not told of all that happens", why, extra=said)
        self.dropped += 1

    @asynccontextmanager
    async def staffed(self) -> AsyncIterator[None]:
        """Deliver during the block. What is left at its end is looked for by the workflows themselves."""
        clerks = [asyncio.create_task(self._deliver(), name="news of calls") for _ in range(AT_ONCE)]
        try:
            yield
        finally:
            for clerk in clerks:
                clerk.cancel()
            await asyncio.gather(*clerks, return_exceptions=True)

    async def _deliver(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            tell = await self._queue.get()
            until = clock() + PATIENCE_SECONDS
            while True:
                try:
                    await tell()
                except (Unavailable, RPCError) as error:
                    if clock() > until:
                        self._drop(f"Temporal is away for too long ({error})")
                        break
                    await asyncio.sleep(RETRY_SECONDS)
                except Exception:  # noqa: BLE001 - whatever it is, the next news are other news
                    _log.exception("the workflow of a call could not be told")
                    break
                else:
                    break
