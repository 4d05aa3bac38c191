"""Journals that Postgres will never take, set aside in a host's spool: nobody keeps them for long.

What was said is in them. They go with the rest of the transcript, by retention or because a caller was
erased, and otherwise when whoever wanted to read them had time enough.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from agents.record.journal import BROKEN, read
from db.engine import Database
from db.repositories.calls import CallRepository

logger = logging.getLogger(__name__)

EVERY_SECONDS = 30.0
KEPT = timedelta(days=3)
"""Over a weekend. The error that told of it is not kept for longer than a day."""


@dataclass(frozen=True)
class SetAside:
    """Looks after them, in one host's spool."""

    database: Database
    folder: Path

    async def keep(self) -> None:
        """Look now and then; for ever."""
        while True:
            await self.sweep()
            await asyncio.sleep(EVERY_SECONDS)

    async def sweep(self) -> None:
        """Delete what is old, and what is of a call whose transcript is gone. Raises nothing that happens.

        What is of no call that Postgres knows is kept as long as may be: it may have never heard of it.
        """
        try:
            found = await asyncio.to_thread(_found, self.folder)
            for path in [each for each, age in found.items() if age > KEPT]:
                del found[path]
                await _delete(path, "is old")
            if not found:
                return
            rooms = {path: await asyncio.to_thread(_room, path) for path in found}
            async with self.database.begin() as db_session:
                deleted = await CallRepository(db_session).without_transcript(set(rooms.values()))
            for path, room in rooms.items():
                if room in deleted:
                    await _delete(path, "is of a call whose transcript is deleted")
        except (SQLAlchemyError, OSError) as error:
            logger.warning("journals that were set aside can't be looked after yet: %s", type(error).__name__)


def _found(folder: Path) -> dict[Path, timedelta]:
    """Each with its age."""
    found, now = {}, time.time()
    for path in folder.glob(f"*{BROKEN}"):
        try:
            found[path] = timedelta(seconds=now - path.stat().st_mtime)
        except FileNotFoundError:
            continue  # another process of this machine has the same spool
    return found


def _room(path: Path) -> str:
    """Whose it is: by what it says itself, or where that is not to be read, by its name."""
    try:
        with path.open() as file:
            return read(file).agent.room
    except (ValueError, FileNotFoundError):
        return path.name.rsplit(".", 3)[0]


async def _delete(path: Path, why: str) -> None:
    await asyncio.to_thread(path.unlink, missing_ok=True)
    logger.info("a journal that was set aside %s: it is deleted", why, extra={"journal": path.stem})
