"""The last words of a call whose process was killed: its host brings them to Postgres.

They are there before another agent takes the call up: it knows them, and answers what was asked.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sqlalchemy.exc import SQLAlchemyError

from agents import spool
from agents.record.journal import Rest, journals, read
from db.engine import Database, is_away
from db.repositories.calls import OPEN
from db.repositories.recoveries import RecoveryRepository
from db.repositories.transcripts import TranscriptRepository

logger = logging.getLogger(__name__)

EVERY_SECONDS = 30.0
"""Between two looks for journals whose process could not bring them to their end: Postgres was away."""

BRING_SECONDS = 5.0
"""For one journal: a caller may wait for another agent meanwhile."""

BROKEN = ".broken"
"""What the names of journals end with that will never be taken; someone may want to read them."""


@dataclass(frozen=True)
class Salvage:
    """Reads journals whose process is gone."""

    database: Database
    folder: Path

    async def keep(self) -> None:
        """Look now and then; for ever."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.sweep()

    async def sweep(self, room: str | None = None, attempt: int = 0) -> None:
        """Bring what was left to Postgres: of all agents that are gone, or of one in one room.

        Never raises, for a caller may wait for another agent: what can't be brought now is tried again.
        """
        try:
            for path in await asyncio.to_thread(journals, self.folder, room, attempt):
                with spool.left(path) as file:
                    if file is not None:
                        await self._take(path, file)
        except OSError as error:
            logger.warning("the journals in the spool can't be read yet: %s", error)

    async def _take(self, path: Path, file: IO[str]) -> None:
        try:
            async with asyncio.timeout(BRING_SECONDS):
                await self._bring(read(file))
        except (SQLAlchemyError, OSError, ValueError) as error:
            if is_away(error):
                logger.warning("Postgres is away: a journal waits for it", extra={"journal": path.stem})
                return
            aside = await asyncio.to_thread(path.rename, path.with_suffix(BROKEN))
            # The error may quote what was said.
            logger.error(
                "a journal can't be brought to Postgres (%s): it was set aside as %s",
                type(error).__name__,
                aside,
            )
        else:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _bring(self, rest: Rest) -> None:
        if not rest:
            return
        async with self.database.begin() as db_session:
            call = await RecoveryRepository(db_session).of_room(rest.head.room)
            if call is None:
                return
            attempt, transcripts = rest.head.attempt, TranscriptRepository(db_session)
            if rest.turns:
                await transcripts.add_turns(call.call_id, rest.turns)
            if rest.events:
                await transcripts.add_events(call.call_id, attempt, rest.events)
            spoken = [role for role, draft in rest.drafts.items() if draft is None]
            if spoken:
                await transcripts.drop_drafts(call.call_id, attempt, spoken)
            drafts = [draft for draft in rest.drafts.values() if draft is not None]
            if drafts and call.attempt == attempt and call.status in OPEN:
                await transcripts.put_drafts(call.call_id, attempt, drafts)
            elif drafts:
                await transcripts.add_cut(call.call_id, attempt, drafts)
        entries = len(rest.turns) + len(rest.events) + len(drafts)
        logger.info(
            "the last of a lost agent's record is kept", extra={"room": rest.head.room, "of": entries}
        )
