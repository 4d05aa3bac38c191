"""What is asked of Postgres before an offer is answered: whoever waits for that waits alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)

Asked = Callable[[], Awaitable[bool]]
"""Asked at each offer."""

MOST = 100
"""Offers of one name that wait at the same time. Those beyond are not asked about: they are answered as if
Postgres had not said anything in time."""


class Asking:
    """Offers of one name that wait for an answer: those that come while it is on its way for the same one.

    What else LiveKit says is heard meanwhile. An offer that is withdrawn is not answered any more.
    """

    def __init__(self, name: str, question: Asked | None) -> None:
        """Without a `question`, nobody waits."""
        self._name, self._question = name, question
        self._answer: asyncio.Task[bool] | None = None
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def needed(self) -> bool:
        """Whether the next offer is to wait."""
        return self._question is not None and len(self._waiting) < MOST

    def ask(self, job_id: str, then: Callable[[bool], Awaitable[None]]) -> None:
        """Have `then` called with the answer. Never waits; the same offer again waits for its one answer."""
        if job_id in self._waiting:
            return
        task = asyncio.create_task(self._ask(job_id, then), name=f"offer of {self._name}")
        self._waiting[job_id] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, job_id: str, then: Callable[[bool], Awaitable[None]]) -> None:
        if self._answer is None or self._answer.done():
            self._answer = asyncio.create_task(self._put(), name=f"question of {self._name}")
        answer = await asyncio.shield(self._answer)
        self._waiting.pop(job_id, None)
        await then(answer)

    async def _put(self) -> bool:
        assert self._question is not None
        try:
            return await self._question()
        except Exception:
            logger.exception("an offer is answered without what was asked", extra={"agent": self._name})
            return False

    def withdraw(self, job_id: str) -> None:
        """An offer does not hold any more; nothing happens when it is answered already."""
        if task := self._waiting.pop(job_id, None):
            task.cancel()

    async def settle(self) -> None:
        """Return when every offer is answered."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def forget(self) -> None:
        """Withdraw all offers: LiveKit has forgotten them with the connection by which they came."""
        for job_id in list(self._waiting):
            self.withdraw(job_id)
        if self._answer:
            self._answer.cancel()
