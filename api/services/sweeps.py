"""What the API puts right by itself, again and again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from api.postgres import Postgres
from common.errors import BionicError
from db.repositories.calls import CallRepository
from db.repositories.counting import BATCH, CountingRepository
from workflows.policy import NO_SHOW

EVERY_SECONDS = 10.0
_MOST_BATCHES = 50
"""In one sweep."""

_log = logging.getLogger("bionic.api")


async def keep_sweeping(
    what: str, sweep: Callable[[], Awaitable[int]], seconds: float = EVERY_SECONDS
) -> None:
    """Sweep every few seconds until cancelled; a round that fails leaves its work to the next one."""
    while True:
        try:
            await sweep()
        except BionicError as error:
            _log.info("%s wait: %s", what, error.message)
        except Exception:  # noqa: BLE001 - whatever it is, the next round may go well
            _log.exception("%s could not be put right", what)
        await asyncio.sleep(seconds)


@dataclass(frozen=True)
class NoShows:
    """Looks for calls whose caller took a token and never came."""

    postgres: Postgres

    async def sweep(self) -> int:
        """Close them; how many there were."""
        async with self.postgres.begin() as db_session:
            count = await CallRepository(db_session).abandon(NO_SHOW)
        if count:
            _log.info("%d calls were abandoned: nobody came", count)
        return count


@dataclass(frozen=True)
class Counts:
    """Counts calls that are over, so that their figures are found at once."""

    postgres: Postgres

    async def sweep(self) -> int:
        """Count them, in batches; how many there were."""
        total = 0
        for _ in range(_MOST_BATCHES):
            async with self.postgres.begin() as db_session:
                count = await CountingRepository(db_session).count()
            total += count
            if count < BATCH:
                break
        async with self.postgres.begin() as db_session:
            await CountingRepository(db_session).forget_hours()
        return total
