"""Calls that go on and callers who keep coming, while something is done to the agent."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle

from benchmarks.bench import Bench
from benchmarks.callers import Caller, waiting_caller

EVERY_SECONDS = 1.0
"""Between two callers."""

PATIENCE_SECONDS = 5.0
"""A caller who has no agent by then is unanswered."""

Way = Callable[[float], Awaitable[float]]
"""One call from its beginning to its end; takes the caller's patience, returns seconds to the answer."""


@dataclass
class Traffic:
    """What became of the callers."""

    live: list[Caller] = field(default_factory=list)
    """Those who stay."""

    waits: list[float] = field(default_factory=list)
    """How long those who came had to wait; infinity for the unanswered."""

    redials: int = 0
    """How often those who stay were not answered, before anything was done to the agent."""

    problems: list[str] = field(default_factory=list)
    """What else than an absent agent kept callers from an answer."""

    @property
    def dropped(self) -> int:
        """Live calls that the agent left, or that broke."""
        return sum(caller.lost.is_set() for caller in self.live)

    @property
    def unanswered(self) -> int:
        """Callers who came and got no agent."""
        return sum(map(math.isinf, self.waits))


@asynccontextmanager
async def traffic(bench: Bench, live: int, agent_name: str, ways: Sequence[Way]) -> AsyncIterator[Traffic]:
    """`live` calls that last as long as the block, and a caller every second, by each of `ways` in turn.

    At the end of the block the last callers are waited for, then everybody hangs up. A caller who can't have
    an agent in the first place is not among the live ones.
    """
    seen = Traffic()
    async with AsyncExitStack() as held:
        for _ in range(live):
            caller = await held.enter_async_context(waiting_caller(bench))
            reached, failed = await caller.insists(agent_name)
            seen.redials += failed
            if reached:
                seen.live.append(caller)
        async with asyncio.TaskGroup() as callers:
            coming = asyncio.create_task(_come(seen, ways, callers))
            try:
                yield seen
            finally:
                coming.cancel()


async def _come(seen: Traffic, ways: Sequence[Way], callers: asyncio.TaskGroup) -> None:
    for way in cycle(ways):
        callers.create_task(_call(seen, way))
        await asyncio.sleep(EVERY_SECONDS)


async def _call(seen: Traffic, way: Way) -> None:
    try:
        seen.waits.append(await way(PATIENCE_SECONDS))
    except Exception as error:  # noqa: BLE001 - whatever it is, this caller was not answered
        seen.waits.append(math.inf)
        seen.problems.append(f"{type(error).__name__}: {error}")
