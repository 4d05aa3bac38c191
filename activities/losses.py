"""Calls whose process crashed: Postgres is told, for nobody else can."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy.exc import SQLAlchemyError

from common.status import CallStatus
from db.engine import Database
from db.repositories.calls import CallRepository

logger = logging.getLogger(__name__)

REASON = "The agent's process crashed."
TRIES = 60
TRY_SECONDS = 5.0
"""Between two tries: Postgres may be away for five minutes."""

CLOSE_SECONDS = 5.0
AT_ONCE = 4


class Losses:
    """Marks calls as failed, off the path that carries calls."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Semaphore(AT_ONCE)

    def tell(self, room: str) -> None:
        """The agent of `room` is gone, and its call with it. Never waits."""
        task = asyncio.create_task(self._mark(room), name=f"loss of {room}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _mark(self, room: str) -> None:
        for _ in range(TRIES):
            try:
                async with self._turn, self._database.begin() as db_session:
                    await CallRepository(db_session).end(room, REASON, CallStatus.FAILED)
            except (SQLAlchemyError, OSError) as error:
                logger.warning("a lost call is not told yet: %s", type(error).__name__, extra={"room": room})
                await asyncio.sleep(TRY_SECONDS)
            else:
                return
        logger.error("a lost call could not be told", extra={"room": room})

    async def close(self) -> None:
        """Wait a little for what is not told yet."""
        tasks = list(self._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
