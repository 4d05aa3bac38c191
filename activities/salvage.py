"""The last words of a call whose process was killed: its host brings them to Postgres.

They are there before another agent takes the call up: it knows them, and answers what was asked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import IO, TypeVar
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession

from agents import spool
from agents.record.journal import BROKEN, Rest, journals, read
from agents.record.ledger import Refused, is_lacking, refusal
from agents.record.left import bring
from db.engine import Database, is_away
from db.repositories.agents import AgentRepository
from db.repositories.joining import JoiningRepository
from db.repositories.recoveries import RecoveryRepository

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

T = TypeVar("T")


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

    async def sweep(self, room: str | None = None, attempt: int | None = None) -> None:
        """Bring what was left to Postgres: of all agents that are gone, or of one in one room.

        Never raises, for a caller may wait for another agent: what can't be brought now is tried again.
        """
        turn = asyncio.Semaphore(AT_ONCE)

        async def bring_in_order(paths: list[Path]) -> None:
            async with turn:
                for path in paths:  # what was said first comes first
                    await self._bring_left(path)

        try:
            found = await asyncio.to_thread(journals, self.folder, room, attempt)
        except OSError as error:
            logger.warning("the journals in the spool can't be found yet: %s", error)
            return
        rooms = [list(paths) for _, paths in groupby(found, key=lambda path: path.name.rsplit(".", 3)[0])]
        await asyncio.gather(*(bring_in_order(paths) for paths in rooms))

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
                await self._bring(read(file), path)
        except (SQLAlchemyError, Refused, OSError, ValueError) as error:
            if is_away(error) or is_lacking(error):
                logger.warning("Postgres can't take a journal now, which waits", extra={"journal": path.stem})
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

    async def _bring(self, rest: Rest, path: Path) -> None:
        if not rest:
            return

        async def _call(db_session: AsyncSession) -> UUID | None:
            return await self._call_of(db_session, rest)

        call_id = await self.do(_call)
        if call_id is None:
            return
        try:
            await bring(rest, path, self, call_id)
        except Refused:
            logger.info("a journal is of a call that was deleted", extra={"room": rest.agent.room})
            return
        entries = len(rest.batch().entries)
        logger.info(
            "the last of a lost agent's record is kept", extra={"room": rest.agent.room, "of": entries}
        )

    async def do(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Do `work` in a transaction of its own.

        Raises:
            Refused: Postgres will never take it.
            SQLAlchemyError, OSError: it is away, or can't take it now.
        """
        try:
            async with self.database.begin() as db_session:
                return await work(db_session)
        except StatementError as error:
            if refused := refusal(error):
                raise refused from error
            raise

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
