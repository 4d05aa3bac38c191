"""Recordings that lie in the spool of a host go to their storage, those of lost agents as well."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from agents.tapes import CONTENT_TYPE, SOUND, LeftTape, left, notes
from common.errors import BionicError
from common.ogg import Extent, cut_to_whole
from common.settings import Settings
from common.storage import Storage
from db.credentials import resolve_storage
from db.engine import Database
from db.models import CallRow
from db.repositories.calls import CallRepository
from db.repositories.recordings import LOST, STORED, NewRecording, RecordingRepository
from db.repositories.settings import SettingRepository

logger = logging.getLogger(__name__)

EVERY_SECONDS = 30.0
"""Between two looks into the spool, beside those when a call's process is gone."""

STRANGER_SECONDS = 3600.0
"""How long a recording waits for its call to be known: Postgres may have been away when it began."""

CLOSE_SECONDS = 20.0
"""How long a host that goes waits for its recordings. What is left lies in the spool for the next one."""


@dataclass(frozen=True)
class Keeper:
    """Takes what calls have left in the spool to the storage, and tries again for as long as it takes."""

    host: str
    database: Database
    settings: Settings

    async def keep(self, closed: asyncio.Event) -> None:
        """Look whenever a call's process is gone, and now and then; for ever."""
        while True:
            closed.clear()
            try:
                await self.sweep()
            except Exception:  # whatever it is, the host carries calls, and the next look may go well
                logger.exception("the spool of recordings could not be looked through")
            try:
                await asyncio.wait_for(closed.wait(), EVERY_SECONDS)
            except TimeoutError:
                continue

    async def close(self) -> None:
        """A last look."""
        try:
            await asyncio.wait_for(self.sweep(), CLOSE_SECONDS)
        except TimeoutError:
            logger.warning("recordings are left in the spool: the next process of this host keeps them")

    async def sweep(self) -> None:
        """Keep each recording whose process is gone. What can't be kept now is tried next time."""
        for path in await asyncio.to_thread(notes, self.settings.bionic_spool):
            try:
                with left(path) as tape:
                    if tape:
                        await self._keep(tape)
            except (BionicError, SQLAlchemyError, OSError, ValueError) as error:
                why = error.message if isinstance(error, BionicError) else type(error).__name__
                logger.warning("a recording is not kept yet: %s", why, extra={"recording": path.stem})

    async def _keep(self, tape: LeftTape) -> None:
        async with self.database.begin() as db_session:
            call = await CallRepository(db_session).in_room(tape.note.room)
            stored = await SettingRepository(db_session, self.database.box).all()
        if call is None:
            if tape.age() > STRANGER_SECONDS:
                logger.warning("a recording of no call is deleted", extra={"room": tape.note.room})
                tape.remove()
            return
        storage = Storage(resolve_storage(stored, self.settings))
        new = self._new(tape, call, storage)
        if call.erased_at is not None:
            await _forget(tape, new, storage)
            return
        whole = await asyncio.to_thread(_measure, tape.sound)
        async with self.database.begin() as db_session:
            recording_id = await RecordingRepository(db_session).begin(new)
        if recording_id is None:  # just now
            await _forget(tape, new, storage)
            return
        if whole.seconds:
            await storage.put(new.key, tape.sound, CONTENT_TYPE)
        await self._kept(recording_id, whole, new, storage)
        tape.remove()

    def _new(self, tape: LeftTape, call: CallRow, storage: Storage) -> NewRecording:
        note = tape.note
        return NewRecording(
            call_id=call.id,
            attempt=note.attempt,
            host=self.host,
            storage=storage.place.url,
            key=f"recordings/{call.agent_id}/{call.id}/{note.attempt}{SOUND}",
            content_type=CONTENT_TYPE,
            started_at=datetime.fromtimestamp(note.started_at, UTC),
            salvaged=not note.whole,
            notice=note.notice,
        )

    async def _kept(self, recording_id: UUID, whole: Extent, new: NewRecording, storage: Storage) -> None:
        state = STORED if whole.seconds else LOST
        async with self.database.begin() as db_session:
            known = await RecordingRepository(db_session).end(recording_id, state, whole.size, whole.seconds)
        if not known:
            await storage.delete(new.key)
        about = {"call": str(new.call_id), "attempt": new.attempt, "seconds": round(whole.seconds, 1)}
        logger.info("a recording is %s", state if known else "deleted with its call", extra=about)


async def _forget(tape: LeftTape, new: NewRecording, storage: Storage) -> None:
    """Delete all there is of a recording that nobody may hear.

    It may be in its storage, put there by a process that died before it could tell. Where the storage
    does not answer, the note stays for the next try.
    """
    tape.sound.unlink(missing_ok=True)
    await storage.delete(new.key)
    tape.remove()
    logger.info("a recording that nobody may hear is deleted", extra={"call": str(new.call_id)})


def _measure(sound: Path) -> Extent:
    return cut_to_whole(sound) if sound.exists() else Extent(0, 0.0)
