"""Queries on what has been kept for long enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import AgentRow, AgentVersionRow, CallRow
from db.models.call import IS_OVER
from db.repositories import belongings

BATCH = 200
"""Calls of which something is deleted in one transaction."""


@dataclass(frozen=True)
class Wishes:
    """For how long an agent's config wants things to be kept."""

    agent_id: UUID
    retention: dict[str, Any]
    """As in the config; empty where it says nothing."""


class RetentionRepository:
    """Deletes what is old. Calls that go on, or are not counted yet, are left alone: figures outlive them."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def wishes(self) -> Sequence[Wishes]:
        """Of every agent: those of its live version, or of its draft where none is live."""
        mine = (AgentVersionRow.agent_id == AgentRow.id) & (AgentVersionRow.number == AgentRow.live_version)
        config = func.coalesce(AgentVersionRow.config, AgentRow.draft)["retention"]
        statement = select(AgentRow.id, config).outerjoin(AgentVersionRow, mine)
        return [Wishes(row[0], row[1] or {}) for row in await self._db_session.execute(statement)]

    async def forget_recordings(self, agent_id: UUID, before: datetime) -> int:
        """Delete recordings of some calls that were made before then; of how many."""
        count = 0
        for recordings in belongings.RECORDINGS:
            ids = await recordings.old(self._db_session, agent_id, before, BATCH)
            await recordings.erase(self._db_session, ids)
            count = max(count, len(ids))
        return count

    async def forget_transcripts(self, agent_id: UUID, before: datetime) -> int:
        """Delete what was said in some calls that were made before then; in how many."""
        ids = await self._old(agent_id, before, CallRow.transcript_deleted_at.is_(None))
        if ids:
            for belonging in belongings.TRANSCRIPT:
                await belonging.erase(self._db_session, ids)
            statement = update(CallRow).where(CallRow.id.in_(ids)).values(transcript_deleted_at=func.now())
            await self._db_session.execute(statement.execution_options(synchronize_session=False))
        return len(ids)

    async def forget_calls(self, agent_id: UUID, before: datetime) -> int:
        """Delete some calls that were made before then with all they have; how many."""
        ids = await self._old(agent_id, before)
        if ids:
            for belonging in (*belongings.TRANSCRIPT, *belongings.RECORDINGS, *belongings.TRACES):
                await belonging.erase(self._db_session, ids)
            statement = delete(CallRow).where(CallRow.id.in_(ids))
            await self._db_session.execute(statement.execution_options(synchronize_session=False))
        return len(ids)

    async def _old(self, agent_id: UUID, before: datetime, *more: ColumnElement[bool]) -> Sequence[UUID]:
        """The oldest calls; whoever writes to one, or deletes it, keeps nobody waiting."""
        statement = (
            select(CallRow.id)
            .where(CallRow.agent_id == agent_id, CallRow.created_at < before, *more)
            .where(text(IS_OVER), CallRow.turn_count.is_not(None))
            .order_by(CallRow.created_at)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
        return (await self._db_session.execute(statement)).scalars().all()
