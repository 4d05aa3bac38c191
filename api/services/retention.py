"""Deletes what has been kept for long enough: recordings, transcripts, calls, and what is of no call."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from api.postgres import Postgres
from common.settings import Settings
from db.repositories.retention import BATCH, RetentionRepository, Wishes
from db.repositories.rooms import RoomRepository

EVERY_SECONDS = 600.0
"""What is kept for days need not go by the second."""

_MOST_BATCHES = 50
"""Of each kind and agent in one sweep."""

STRANGERS_KEPT = timedelta(hours=1)
"""A webhook of LiveKit's is refused when it is ten minutes old: nobody asks by then whether it was known. And
a room may have been LiveKit's for a moment before its call is ours."""

_AT_ONCE = 5000
"""Webhooks that are looked at in one transaction."""

_log = logging.getLogger("bionic.api")


@dataclass(frozen=True)
class Retention:
    """Looks for what is old, agent by agent. Figures stay: a call is counted before it goes."""

    postgres: Postgres
    settings: Settings

    async def sweep(self) -> int:
        """Delete it, in batches; how many calls lost something."""
        async with self.postgres.begin() as db_session:
            wishes = await RetentionRepository(db_session).wishes()
        return sum([await self._sweep(wish) for wish in wishes])

    async def _sweep(self, wish: Wishes) -> int:
        total = 0
        for name, kept, forget in (
            ("callDays", self.settings.bionic_call_days, RetentionRepository.forget_calls),
            ("transcriptDays", self.settings.bionic_transcript_days, RetentionRepository.forget_transcripts),
            ("recordingDays", self.settings.bionic_recording_days, RetentionRepository.forget_recordings),
        ):
            days = wish.retention.get(name) or kept
            if days is not None:
                total += await self._batches(wish.agent_id, timedelta(days=days), forget)
        return total

    async def _batches(
        self,
        agent_id: UUID,
        age: timedelta,
        forget: Callable[[RetentionRepository, UUID, datetime], Awaitable[int]],
    ) -> int:
        before, total = datetime.now(UTC) - age, 0
        for _ in range(_MOST_BATCHES):
            async with self.postgres.begin() as db_session:
                count = await forget(RetentionRepository(db_session), agent_id, before)
            total += count
            if count < BATCH:
                break
        if total:
            about = {"agent": str(agent_id)}
            _log.info("%d calls lost what is older than %d days", total, age.days, extra=about)
        return total


@dataclass
class StrangeRooms:
    """Looks for what LiveKit told of rooms that are not ours. Each is looked at once by this process."""

    postgres: Postgres
    _until: datetime = field(default=datetime.min.replace(tzinfo=UTC))

    async def sweep(self) -> int:
        """Delete it, in batches; how much there was."""
        total = 0
        while True:
            async with self.postgres.begin() as db_session:
                rooms = RoomRepository(db_session)
                looked = await rooms.forget_strangers(self._until, STRANGERS_KEPT, _AT_ONCE)
            total += looked.deleted
            self._until = looked.until or self._until
            if looked.seen < _AT_ONCE:
                break
        if total:
            _log.info("%d webhooks of rooms that are not ours are deleted", total)
        return total
