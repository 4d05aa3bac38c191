"""How many calls a host can hold, and how close to that it is."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

BUSIEST = 0.65
"""LiveKit drops a dispatch, and never repeats it, when no worker reports a load below its `target_load`, 0.7
by default (`JobRequestAffinity` in livekit-server's `agentservice.go`). Being busy must not lose a caller, so
our load stays below: it only weighs the lots that LiveKit draws (`selectWorkerWeightedByLoad`)."""

SMOOTH_SECONDS = 10.0
"""Over which the CPU's load is averaged: a second of it says nothing."""

SOONEST_SECONDS = 1.0
"""Between two looks at the machine: the CPU's load is measured from one to the next."""

LEAST_MARGIN = 4
"""Calls beyond the limit that are taken all the same: who got a token comes to somebody."""

Full = Literal["calls", "cpu", "memory", "processes"]


@dataclass(frozen=True)
class Limits:
    """Of a host: calls, and shares of its machine, between 0 and 1."""

    calls: int
    cpu: float = 1.0
    memory: float = 1.0


@dataclass(frozen=True)
class Usage:
    """Of a host's machine, between 0 and 1."""

    cpu: float
    memory: float


class Capacity:
    """Counts the calls of a host and watches its machine."""

    def __init__(
        self, limits: Limits, measure: Callable[[], Usage], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limits = limits
        self.tipped = asyncio.Event()
        """Set when it became overfull, or is so no more."""
        self._measure, self._clock = measure, clock
        self._calls: dict[str, str] = {}
        """The room of each job."""
        self._calls_begin = True
        self._looked_at = clock()
        self.usage = Usage(cpu=0.0, memory=measure().memory)

    def look(self) -> None:
        """Measure the machine."""
        now = self._clock()
        passed = now - self._looked_at
        if passed < SOONEST_SECONDS:
            return
        before, found = self.usage, self._measure()
        weight = 1 - math.exp(-passed / SMOOTH_SECONDS)
        self.usage = Usage(before.cpu + (found.cpu - before.cpu) * weight, found.memory)
        self._looked_at = now

    @property
    def calls(self) -> int:
        """Calls that go on or are about to begin."""
        return len(self._calls)

    @property
    def full(self) -> Full | None:
        """Why no further caller should be sent here; None when there is room.

        A host that holds no call has nobody to protect, whatever else keeps its machine busy. One whose job
        processes do not begin has room for nobody.
        """
        if not self._calls_begin:
            return "processes"
        if self.calls >= self.limits.calls:
            return "calls"
        if not self._calls:
            return None
        if self.usage.cpu > self.limits.cpu:
            return "cpu"
        return "memory" if self.usage.memory > self.limits.memory else None

    @property
    def overfull(self) -> bool:
        """Whether it is so full that another call is refused, though the caller may be lost by that.

        Where no call can begin, the caller would be lost for certain: another host may do better.
        """
        return not self._calls_begin or self.calls >= self.limits.calls + max(
            LEAST_MARGIN, self.limits.calls // 10
        )

    @property
    def load(self) -> float:
        """For LiveKit, which prefers hosts with less; between 0 and `BUSIEST`."""
        return min(1.0, max(self.usage.cpu, self.calls / self.limits.calls)) * BUSIEST

    def hold(self, job_id: str, room: str = "") -> None:
        """A call was accepted."""
        self._count(lambda: self._calls.update({job_id: room}))

    def has_call_in(self, room: str) -> bool:
        """Whether a call in that room goes on here, or is about to begin, of whatever agent."""
        return room in self._calls.values()

    def release(self, job_id: str) -> None:
        """A call is over, or did not come; said again, nothing happens."""

        def _forget() -> None:
            self._calls.pop(job_id, None)

        self._count(_forget)

    def can_begin(self, calls_begin: bool) -> None:  # noqa: FBT001 - it is told by a callback
        """Whether processes that hold calls begin here."""

        def _note() -> None:
            self._calls_begin = calls_begin

        self._count(_note)

    def _count(self, change: Callable[[], None]) -> None:
        overfull = self.overfull
        change()
        if self.overfull != overfull:
            self.tipped.set()
