"""How often one client may ask."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from common.errors import BionicError

_MAX_CLIENTS = 10_000


class TooManyRequests(BionicError):
    """The client asked too often."""

    retryable = True
    status_code = 429


@dataclass
class RateLimit:
    """A token bucket per client: `rate` requests a second, `burst` at once."""

    rate: float = 20.0
    burst: float = 60.0
    clock: Callable[[], float] = time.monotonic
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)

    def allow(self, client: str) -> bool:
        """Whether `client` may do one more request now; counts it if so."""
        now = self.clock()
        level, at = self._buckets.pop(client, (self.burst, now))
        level = min(self.burst, level + (now - at) * self.rate)
        allowed = level >= 1
        # Put back last: the dict's order is then the order of last use.
        self._buckets[client] = (level - 1 if allowed else level, now)
        if len(self._buckets) > _MAX_CLIENTS:
            del self._buckets[next(iter(self._buckets))]
        return allowed

    def exhausted(self, client: str) -> bool:
        """Whether `client` may do no more requests now; counts nothing."""
        level, at = self._buckets.get(client, (self.burst, 0.0))
        return level + (self.clock() - at) * self.rate < 1
