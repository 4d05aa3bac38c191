"""Recordings: they are listened to, and deleted with their calls."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.postgres import Postgres
from api.ranges import ByteRange, NotSatisfiable, parse_range
from common.errors import BionicError
from common.settings import Settings
from common.storage import Storage
from db.credentials import resolve_storage
from db.models import RecordingRow
from db.repositories.calls import CallRepository
from db.repositories.recordings import STORED, RecordingRepository
from db.repositories.settings import SettingRepository

AT_ONCE = 20
"""Files that one sweep deletes."""

_log = logging.getLogger("bionic.api")


@dataclass(frozen=True)
class Sound:
    """A recording, or a part of it."""

    size: int
    """Of all of it, in bytes."""
    content_type: str
    tag: str
    """Another one where the recording is another one."""
    part: ByteRange | None = None
    """What is sent; None: all of it, or nothing where `content` is not there."""
    content: AsyncIterator[bytes] | None = None
    """None: it has no such part."""


@dataclass(frozen=True)
class RecordingService:
    """Reads recordings from wherever they are."""

    postgres: Postgres
    settings: Settings

    async def open(self, call_id: UUID, attempt: int | None, asked: str | None, known: str | None) -> Sound:
        """The recording of one of a call's agents, by default of the first that has one.

        Args:
            call_id: whose.
            attempt: which agent's; None: the first that has one.
            asked: the header `Range`.
            known: the header `If-Range`.

        Raises:
            NotFound: there is none, or not yet.
            Unavailable: its storage does not answer.
        """
        async with self.postgres.begin() as db_session:
            await CallRepository(db_session).get(call_id)
            row = await RecordingRepository(db_session).stored(call_id, attempt)
            storage = await self._storage(db_session, row)
        size, tag = row.size or 0, f'"{row.id.hex}-{row.size}"'
        try:
            part = parse_range(asked, size) if known in {None, tag} else None
        except NotSatisfiable:
            return Sound(size, row.content_type, tag)
        whole = part or ByteRange(0, size)
        content = await storage.read(row.key, whole.start, whole.end)
        return Sound(size, row.content_type, tag, part, content)

    async def sweep(self) -> int:
        """Delete the files of calls that were deleted; how many there were."""
        async with self.postgres.begin() as db_session:
            repository = RecordingRepository(db_session)
            rows = await repository.orphaned(AT_ONCE)
            deleted = [row for row in rows if await self._delete(db_session, row)]
            for row in deleted:
                await repository.forget(row.id)
        return len(deleted)

    async def _delete(self, db_session: AsyncSession, row: RecordingRow) -> bool:
        try:
            await (await self._storage(db_session, row)).delete(row.key)
        except BionicError as error:
            _log.warning("a recording could not be deleted: %s", error.message)
            return False
        if row.state == STORED:
            _log.info("a recording was deleted with its call", extra={"key": row.key})
        return True

    async def _storage(self, db_session: AsyncSession, row: RecordingRow) -> Storage:
        stored = await SettingRepository(db_session, self.postgres.box).all()
        return Storage(resolve_storage(stored, self.settings).elsewhere(row.storage))
