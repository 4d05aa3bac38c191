"""What tests of the stream tell, and what they read of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from common.events import EventKind
from db.engine import Database
from db.repositories.events import EventRepository
from tests.support.sse import Sent


async def tell(
    database: Database, *numbers: int, kind: EventKind = EventKind.CALL_STARTED, **ids: Any
) -> None:
    """Tell of events that are known by their numbers here."""
    for number in numbers:
        async with database.begin() as db_session:
            await EventRepository(db_session).add(kind, {"number": number}, **ids)


async def publish(database: Database) -> None:
    """Give them the numbers that followers see."""
    async with database.begin() as db_session:
        await EventRepository(db_session).publish()


async def following_ones(events: AsyncIterator[Sent], count: int) -> list[Sent]:
    """The next few."""
    async with asyncio.timeout(20):
        return [await anext(events) for _ in range(count)]


def numbers_of(events: list[Sent]) -> list[int]:
    """What they are known by."""
    return [each.data["data"]["number"] for each in events]


async def first_number(outbox: Database) -> int:
    """The number of the oldest that is kept."""
    async with outbox.begin() as db_session:
        return (await EventRepository(db_session).span()).first or 0
