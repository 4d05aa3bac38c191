"""The last words of a call whose process was killed: its host brings them to Postgres.

They are there before another agent takes the call up: it knows them, and answers what was asked.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import IO
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from agents import spool
from agents.record.journal import Rest, journals, read
from db.engine import Database, is_away
from db.repositories.agents import AgentRepository
from db.repositories.joining import JoiningRepository
from db.repositories.recoveries import RecoveryRepository
from db.repositories.transcripts import TranscriptRepository

logger = logging.getLogger(__name__)

EVERY_SECONDS = 30.0
"""Between two looks for journals whose process could not bring them to their end: Postgres was away."""

BRING_SECONDS = 5.0
"""For one journal: a caller may wait for another agent meanwhile."""

KEPT_AT_LEAST = timedelta(days=1)
"""An older call that Postgres does not know was there, and was deleted: no config keeps one for less."""

AT_ONCE = 8
"""Rooms whose journals are brought at the same time: a host that died left one for each call, and all their
callers wait."""

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
        turn = asyncio.Semaphore(AT_ONCE)

        async def bring(paths: list[Path]) -> None:
            async with turn:
                for path in paths:  # in order: what was said first comes first
                    await self._bring_left(path)

        try:
            found = await asyncio.to_thread(journals, self.folder, room, attempt)
        except OSError as error:
            logger.warning("the journals in the spool can't be found yet: %s", error)
            return
        rooms = [list(paths) for _, paths in groupby(found, key=lambda path: path.name.rsplit(".", 3)[0])]
        await asyncio.gather(*(bring(paths) for paths in rooms))

    async def _bring_left(self, path: Path) -> None:
        try:
            with spool.left(path) as file:
                if file is not None:
                    await self._take(path, file)
        except OSError as error:
            logger.warning("a journal in the spool can't be read yet: %s", error)

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
            call_id = await self._call_of(db_session, rest)
            if call_id is None:
                return
            attempt, transcripts = rest.agent.attempt, TranscriptRepository(db_session)
            if rest.turns:
                await transcripts.add_turns(call_id, attempt, rest.turns)
            if rest.events:
                await transcripts.add_events(call_id, attempt, rest.events)
            # Of who went on speaking as well: what they had said is no draft any more, nor was it cut off.
            spoken = sorted({turn.role for turn in rest.turns})
            if spoken:
                await transcripts.drop_drafts(call_id, attempt, spoken)
            drafts = [draft for draft in rest.drafts.values() if draft is not None]
            if drafts:
                await transcripts.put_drafts(call_id, attempt, drafts)
        entries = len(rest.turns) + len(rest.events) + len(drafts)
        logger.info(
            "the last of a lost agent's record is kept", extra={"room": rest.agent.room, "of": entries}
        )

    async def _call_of(self, db_session: AsyncSession, rest: Rest) -> UUID | None:
        """The call, which is made where Postgres was away from its first moment on; None where it is deleted.

        Whether its caller is still there, the reconciler finds out.
        """
        recoveries = RecoveryRepository(db_session)
        known = await recoveries.of_room(rest.agent.room)
        if known:
            return known.call_id
        agent = await AgentRepository(db_session, self.database.box).find(str(rest.agent.agent_id))
        if agent is None or datetime.now(UTC) - rest.newest > KEPT_AT_LEAST:
            return None
        return (await JoiningRepository(db_session).joined(rest.agent)).call_id
