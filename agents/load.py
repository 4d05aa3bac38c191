"""How busy a host is, as LiveKit is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.5
WORTH_TELLING = 0.05
"""A smaller change is no reason to write to hundreds of websockets."""


class Listener(Protocol):
    """Somebody who passes the load on to LiveKit."""

    async def tell_load(self, load: float) -> None:
        """The load is `load` from now on, between 0 and 1."""


class HostLoad:
    """Measures the load for all registrations of a host at once, and tells them when it has changed."""

    def __init__(self, measure: Callable[[], float]) -> None:
        self._measure = measure
        self._listeners: set[Listener] = set()
        self.value = measure()
        """The load that LiveKit knows of, between 0 and 1."""

    def add(self, listener: Listener) -> None:
        """Tell `listener` from now on."""
        self._listeners.add(listener)

    def remove(self, listener: Listener) -> None:
        """Tell `listener` no more."""
        self._listeners.discard(listener)

    async def keep(self) -> None:
        """Look and tell until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
            except Exception:
                logger.exception("the load could not be told")

    async def _look(self) -> None:
        load = self._measure()
        if abs(load - self.value) >= WORTH_TELLING:
            self.value = load
            for listener in list(self._listeners):
                await listener.tell_load(load)
