"""Queries by what LiveKit tells us: rooms and API keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import CallRow, DeploymentRow, LiveKitEventRow

_MAX_DEPLOYMENTS = 100
_MAX_EVENTS = 1000


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

    async def events(self, room: str) -> list[LiveKitEventRow]:
        """What LiveKit said of a room, in the order in which it came, 1000 events at most."""
        statement = (
            select(LiveKitEventRow)
            .where(LiveKitEventRow.room == room)
            .order_by(LiveKitEventRow.created_at, LiveKitEventRow.id)
            .limit(_MAX_EVENTS)
        )
        return list((await self._db_session.execute(statement)).scalars())

    async def placed_with_key(self, api_key: str) -> list[DeploymentRow]:
        """Deployments that run, or ran, with this LiveKit API key, newest first, 100 at most."""
        statement = (
            select(DeploymentRow)
            .where(DeploymentRow.livekit["apiKey"].astext == api_key)
            .order_by(DeploymentRow.created_at.desc())
            .limit(_MAX_DEPLOYMENTS)
        )
        return list((await self._db_session.execute(statement)).scalars())

    async def deployment_of(self, call: CallRow) -> UUID | None:
        """The deployment that a call was made with: the newest placed one of its version at that time."""
        statement = (
            select(DeploymentRow.id)
            .where(
                DeploymentRow.agent_id == call.agent_id,
                DeploymentRow.version == call.version,
                DeploymentRow.livekit.is_not(None),
                DeploymentRow.created_at <= call.created_at,
            )
            .order_by(DeploymentRow.created_at.desc())
            .limit(1)
        )
        return (await self._db_session.execute(statement)).scalar_one_or_none()
