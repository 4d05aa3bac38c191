"""Whether agents may come to a host, and whether those that are there shall go: as operators want it."""

from __future__ import annotations

import asyncio

from common.status import Standing


class Door:
    """Of one host. Nobody comes in until Postgres has said for the first time what operators want."""

    def __init__(self) -> None:
        self.standing = Standing.CORDONED
        """By which the host acts."""
        self.open = asyncio.Event()
        """Set while agents may come."""
        self.emptying = asyncio.Event()
        """Set while those that are here shall go."""

    def stand(self, standing: Standing) -> bool:
        """Act by `standing` from now on. True when that is new."""
        new = standing is not self.standing
        self.standing = standing
        _set(self.open, on=standing is Standing.OPEN)
        _set(self.emptying, on=standing is Standing.DRAINED)
        return new


def _set(event: asyncio.Event, *, on: bool) -> None:
    if on:
        event.set()
    else:
        event.clear()
