"""Calls that tell of themselves, and what was told."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import select

from db.engine import Database
from db.models import AgentRow, EventRow
from db.repositories.calls import CallRepository
from db.repositories.events import EventRepository
from db.repositories.joining import JoinedAgent, JoiningRepository


async def make_call(database: Database, agent: AgentRow) -> tuple[uuid.UUID, str]:
    """A call that waits for its caller, and its room."""
    call_id = uuid.uuid4()
    async with database.begin() as db_session:
        calls = CallRepository(db_session)
        await calls.create(call_id, agent.id, 3, room=f"call-{call_id}", identity="caller", attributes={})
    return call_id, f"call-{call_id}"


async def joins(database: Database, agent: AgentRow, call_id: uuid.UUID, attempt: int = 1) -> None:
    """The agent is in the room."""
    async with database.begin() as db_session:
        joined = JoinedAgent(call_id, agent.id, 3, f"call-{call_id}", attempt)
        await JoiningRepository(db_session).joined(joined)


async def ends(database: Database, room: str, reason: str = "caller left", **more: Any) -> bool:
    """The call is over; whether it was open until then."""
    async with database.begin() as db_session:
        return await CallRepository(db_session).end(room, reason, **more)


async def told(database: Database) -> list[EventRow]:
    """All that was told, in the order in which it was written."""
    async with database.begin() as db_session:
        return list((await db_session.execute(select(EventRow).order_by(EventRow.id))).scalars())


async def kinds_told(database: Database) -> list[str]:
    """What kinds of events."""
    return [each.kind for each in await told(database)]


async def publish(database: Database) -> int:
    """Give numbers to what has none; to how many."""
    async with database.begin() as db_session:
        return await EventRepository(db_session).publish()
