"""Queries by what LiveKit tells us: rooms and API keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import AgentVersionRow, CallRow

_MAX_VERSIONS = 20


@dataclass(frozen=True)
class CallOfRoom:
    """Whose conversation a room is."""

    call_id: UUID
    agent_id: UUID


class RoomRepository:
    """From rooms and keys to calls and agents."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def calls(self, rooms: Sequence[str]) -> dict[str, CallOfRoom]:
        """The calls of `rooms`, by room; rooms that are none of ours are left out."""
        statement = select(CallRow.room, CallRow.id, CallRow.agent_id).where(CallRow.room.in_(rooms))
        return {
            room: CallOfRoom(call_id, agent_id)
            for room, call_id, agent_id in await self._db_session.execute(statement)
        }

    async def versions_with_key(self, api_key: str) -> list[AgentVersionRow]:
        """Versions that bring their own LiveKit server with this API key, newest first, 20 at most."""
        key = AgentVersionRow.config["livekitConfig"]["apiKey"].astext
        statement = (
            select(AgentVersionRow)
            .where(key == api_key)
            .order_by(AgentVersionRow.created_at.desc())
            .limit(_MAX_VERSIONS)
        )
        return list((await self._db_session.execute(statement)).scalars())
