"""How often an agent's attempts ended by its own fault: a few times is bad luck, more is a crash loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from common.errors import BionicError

MANY = 5
WITHIN_SECONDS = 600.0
HEALTHY_SECONDS = 180.0
"""An agent that was registered for so long has a clean slate."""


class CrashLoop(BionicError):
    """It crashes again and again: that is not cured by trying."""


class Crashes:
    """The crashes of one replica's attempts, in seconds since the epoch. Heartbeats carry them on.

    LiveKit, Postgres or Temporal being away is no crash, nor is the loss of a host: those end by themselves.
    """

    def __init__(self, heartbeat_details: Sequence[Any], clock: Callable[[], float] = time.time) -> None:
        before = heartbeat_details[0] if heartbeat_details else None
        told = before.get("crashes") if isinstance(before, dict) else None
        self.times: list[float] = [float(at) for at in told or []]
        self._clock = clock
        self._registered_at: float | None = None

    def registered(self) -> None:
        """The agent takes calls from now on."""
        self._registered_at = self._clock()

    def add(self, why: str) -> None:
        """An attempt crashed.

        Raises:
            CrashLoop: that was once too often.
        """
        now = self._clock()
        if self._registered_at is not None and now - self._registered_at >= HEALTHY_SECONDS:
            self.times = []
        self.times = [*(at for at in self.times if now - at < WITHIN_SECONDS), now]
        if len(self.times) >= MANY:
            raise CrashLoop(
                f"Crash loop: {len(self.times)} attempts within {WITHIN_SECONDS / 60:.0f} minutes. "
                f"The last one: {why}"
            )
