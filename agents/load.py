"""How busy a host is, as LiveKit is told."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Protocol

from agents.capacity import Capacity

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.5
WORTH_TELLING = 0.05
"""A smaller change is no reason to write to hundreds of websockets."""

AT_ONCE = 64
"""Registrations that are told at the same time: one whose LiveKit is stuck does not hold up the others."""


class Listener(Protocol):
    """Somebody who passes the load on to LiveKit."""

    async def tell_load(self) -> None:
        """The load, or whether calls are taken, is another one now."""


class HostLoad:
    """Watches the load for all registrations of a host at once, and tells them when it has changed."""

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self._listeners: set[Listener] = set()
        self._told = (capacity.load, capacity.overfull)

    def add(self, listener: Listener) -> None:
        """Tell `listener` from now on."""
        self._listeners.add(listener)

    def remove(self, listener: Listener) -> None:
        """Tell `listener` no more."""
        self._listeners.discard(listener)

    async def keep(self) -> None:
        """Look and tell until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.capacity.tipped.wait(), LOOK_SECONDS)
            self.capacity.tipped.clear()
            try:
                await self.look()
            except Exception:
                logger.exception("the load could not be told")

    async def look(self) -> None:
        """Measure, and tell what has changed."""
        self.capacity.look()
        load, overfull = self.capacity.load, self.capacity.overfull
        if overfull != self._told[1]:
            logger.log(
                logging.WARNING if overfull else logging.INFO,
                "calls are refused: this host has too many, or none can begin"
                if overfull
                else "calls are taken again",
                extra={"calls": self.capacity.calls, "full": self.capacity.full},
            )
        elif abs(load - self._told[0]) < WORTH_TELLING:
            return
        self._told = (load, overfull)
        turn = asyncio.Semaphore(AT_ONCE)

        async def _tell(listener: Listener) -> None:
            async with turn:
                await listener.tell_load()

        await asyncio.gather(*map(_tell, list(self._listeners)))
