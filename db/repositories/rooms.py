"""Queries by what LiveKit tells us: rooms and API keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, exists, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from db.crypto import SecretBox
from db.models import CallRow, DeploymentRow, LiveKitEventRow

_MAX_PLACED = 20
_MAX_EVENTS = 1000


@dataclass(frozen=True)
class CallOfRoom:
    """Whose conversation a room is."""

    call_id: UUID
    agent_id: UUID


@dataclass(frozen=True)
class PlacedSecret:
    """The LiveKit secret of a deployment, sealed still: opening one costs, and often the first one fits."""

    deployment_id: UUID
    sealed: bytes

    def open(self, box: SecretBox) -> str:
        """The secret in clear."""
        return box.open(self.sealed, f"deployments/{self.deployment_id}")


@dataclass(frozen=True)
class Looked:
    """How far a look at what LiveKit said has come."""

    seen: int
    until: datetime | None
    """When the last of that was written; None where there was nothing."""
    deleted: int


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

    async def forget_strangers(self, after: datetime, age: timedelta, limit: int) -> Looked:
        """Of what LiveKit said after that moment, and more than `age` ago, look at the oldest and delete what
        is of rooms that are no call's. What belongs to a call is deleted with it."""
        columns = (LiveKitEventRow.id, LiveKitEventRow.room, LiveKitEventRow.created_at)
        looked = (
            select(*columns)
            .where(LiveKitEventRow.created_at > after, LiveKitEventRow.created_at < func.now() - age)
            .order_by(LiveKitEventRow.created_at)
            .limit(limit)
            .cte("looked")
        )
        strange = select(looked.c.id).where(~exists().where(CallRow.room == looked.c.room))
        gone = (
            delete(LiveKitEventRow)
            .where(LiveKitEventRow.id.in_(strange))
            .returning(LiveKitEventRow.id)
            .cte("gone")
        )
        deleted = select(func.count()).select_from(gone).scalar_subquery()
        statement = select(func.count(), func.max(looked.c.created_at), deleted).select_from(looked)
        return Looked(*(await self._db_session.execute(statement)).one())

    async def placed_with_key(self, api_key: str, agent_id: UUID | None = None) -> list[PlacedSecret]:
        """The sealed secrets of deployments that run, or ran, with this LiveKit API key, newest first.

        One for each agent and server, 20 at most; of one agent alone where `agent_id` is given.
        """
        url, key = DeploymentRow.livekit["url"].astext, DeploymentRow.livekit["apiKey"].astext
        newest = (
            select(DeploymentRow.id, DeploymentRow.livekit_secret, DeploymentRow.created_at)
            .where(key == api_key, DeploymentRow.livekit_secret.is_not(None))
            .ext(distinct_on(DeploymentRow.agent_id, url))
            .order_by(DeploymentRow.agent_id, url, DeploymentRow.created_at.desc())
        )
        if agent_id is not None:
            newest = newest.where(DeploymentRow.agent_id == agent_id)
        each = newest.subquery()
        statement = (
            select(each.c.id, each.c.livekit_secret).order_by(each.c.created_at.desc()).limit(_MAX_PLACED)
        )
        return [PlacedSecret(*row) for row in await self._db_session.execute(statement)]
