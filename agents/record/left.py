"""What agents that are gone have left of a call's record in the spool of this machine."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from uuid import UUID

from agents import spool
from agents.record.journal import Journal, Rest, read, set_aside
from agents.record.ledger import Refused, Writer

logger = logging.getLogger(__name__)

BRING_SECONDS = 1.0
"""For all that was left: a caller waits for the agent meanwhile."""


async def bring(rest: Rest, journal: Path, writer: Writer, call_id: UUID) -> None:
    """Have Postgres take what is in a journal. What it refuses is set aside.

    Raises:
        Refused: it takes nothing, for the call was deleted.
        OSError: nothing can be set aside.
    """
    refused = await rest.batch().bring(writer, call_id, rest.agent.attempt)
    if refused:
        await asyncio.to_thread(set_aside, journal, rest.agent, refused)


async def bring_left(mine: Journal, writer: Writer, call_id: UUID) -> None:
    """Bring what others left of a call before its next agent, whose journal is `mine`, reads what was said.

    A host that was lost can't do it, and its successor looks for such only now and then. What an agent that
    is alive holds is left to that one. Never raises: what can't be brought now, the host brings later.
    """
    try:
        async with asyncio.timeout(BRING_SECONDS):
            for path in await asyncio.to_thread(mine.others):
                await _bring_one(path, mine.agent.room, writer, call_id)
    except OSError as error:
        about = {"room": mine.agent.room}
        logger.warning("what the last agent left waits: %s", type(error).__name__, extra=about)


async def _bring_one(path: Path, room: str, writer: Writer, call_id: UUID) -> None:
    with spool.left(path) as file:
        if file is None:
            return
        try:
            rest = await asyncio.to_thread(read, file)
            if rest.agent.room != room:
                return  # its name begins the same
            if rest:
                await bring(rest, path, writer, call_id)
                logger.info("the last of a lost agent's record is there", extra={"room": room})
        except (ValueError, Refused) as error:
            logger.warning("what an agent left is not taken: %s", type(error).__name__, extra={"room": room})
            return
        await asyncio.to_thread(path.unlink, missing_ok=True)
