"""How an agent leaves its host: no new calls, the last ones to their end, and then nothing of it is left."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import chain, repeat

from agents.registration import Registration

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""Between two looks whether the deadline has come, or a call that was expected will not."""

HANDOVER_SECONDS = 2.0
BACK_SECONDS = 15.0
"""How long a call that has lost its agent is expected back: it mostly takes less than one."""


class Departure:
    """Begins when the agent is told to leave. What it must know of the time before, it is told as well.

    Of an agent that was stopped nobody else may go on with the calls: those that lose their process come
    back to the first name, and no others are taken. LiveKit is told so only while there are some: where
    another version or replica is live, this one is in nobody's way.
    """

    def __init__(
        self, slug: str, registrations: Sequence[Registration], close: Callable[[], Awaitable[None]]
    ) -> None:
        """`close` ends what is left."""
        self._slug, self._registrations, self._close = slug, registrations, close
        self.settled = asyncio.Event()
        """Set once the agent is registered, or will not be."""
        self.last = False
        """Whether nobody else can go on with the agent's calls."""
        self.closing = False
        """Set once nothing is waited for any more."""
        self._deadline = math.inf
        self._expected: dict[str | None, float] = {}
        """Until when calls may come back, by their room; those of a host that was lost together."""
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def done(self) -> bool:
        """True when nothing of the agent is left here."""
        return self._task is not None and self._task.done()

    def expect(self, room: str | None = None) -> None:
        """A call has lost its agent and may come back; without a room, all that a lost host held."""
        now = asyncio.get_running_loop().time()
        self._expected = {each: until for each, until in self._expected.items() if until > now}
        self._expected[room] = now + BACK_SECONDS
        self._news.set()

    def came(self, room: str) -> None:
        """A call has an agent."""
        if self._expected.pop(room, None) is not None:
            self._news.set()

    def takes_back(self) -> bool:
        """Whether a call may come back here that nobody else can go on with."""
        return self._rest() > 0

    def _rest(self) -> float:
        """For how many seconds more one may."""
        now = asyncio.get_running_loop().time()
        return max(self._expected.values(), default=now) - now if self.last else 0.0

    def begin(self, seconds: float, *, notice: float = 0.0, last: bool = False) -> asyncio.Task[None]:
        """As `HostedAgent.leave`."""
        self._deadline = min(self._deadline, asyncio.get_running_loop().time() + seconds)
        if last and not self.last:
            self.last = True
            self._news.set()
        if self._task is None:
            self._task = asyncio.create_task(self._depart(notice), name=f"departure of {self._slug}")
        return self._task

    async def _depart(self, notice: float) -> None:
        last_calls = asyncio.create_task(self._last_calls(notice), name=f"last calls of {self._slug}")
        door = asyncio.create_task(self._keep_door(), name=f"door of {self._slug}")
        try:
            await self._until_deadline(last_calls)
        finally:
            last_calls.cancel()
            door.cancel()
            self.closing = True
            await asyncio.gather(last_calls, door, return_exceptions=True)
            await self._close()

    async def _last_calls(self, notice: float) -> None:
        """Return when no call is left, and none may come back; from that moment none is taken."""
        notices = chain([notice], repeat(min(notice, HANDOVER_SECONDS)))
        await asyncio.gather(*(_drain(*each) for each in zip(self._registrations, notices, strict=False)))
        if self.last:
            await self.settled.wait()
        while self.takes_back() or any(registration.busy for registration in self._registrations):
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.gather(*(registration.quiet() for registration in self._registrations))
        for registration in self._registrations:
            registration.shut()

    async def _keep_door(self) -> None:
        """Tell LiveKit when calls may come back, and when no more."""
        while True:
            self._news.clear()
            await self._registrations[0].tell_load()
            rest = self._rest()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), rest if rest > 0 else None)

    async def _until_deadline(self, last_calls: asyncio.Task[None]) -> None:
        """Wait for `last_calls`, looking up in between: the deadline may have come nearer."""
        loop = asyncio.get_running_loop()
        while not last_calls.done() and loop.time() < self._deadline:
            patience = min(LOOK_SECONDS, self._deadline - loop.time())
            await asyncio.wait([last_calls], timeout=patience)
        if any(registration.active_calls for registration in self._registrations):
            logger.warning("calls are cut: the time to drain is over", extra={"agent": self._slug})


async def _drain(registration: Registration, notice: float) -> None:
    await asyncio.sleep(notice)
    await registration.drain()
