"""Queries on steps that are done again for many calls."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.errors import NotFound
from db.models import CallRow, ReprocessRow
from db.repositories.calls import OPEN


@dataclass(frozen=True)
class Wanted:
    """Which calls are meant: those that are named, or those that fit. Only ones that are over."""

    calls: Sequence[UUID] | None = None
    agent_id: UUID | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """For a row."""
        said = {
            "calls": sorted({str(each) for each in self.calls}) if self.calls is not None else None,
            "agentId": str(self.agent_id) if self.agent_id else None,
            "status": self.status,
            "from": self.since.isoformat() if self.since else None,
            "to": self.until.isoformat() if self.until else None,
        }
        return {key: value for key, value in said.items() if value is not None}

    @classmethod
    def read(cls, said: dict[str, Any]) -> Wanted:
        """Undo `as_json`."""
        calls, agent, since, until = (said.get(key) for key in ("calls", "agentId", "from", "to"))
        return cls(
            [UUID(each) for each in calls] if calls is not None else None,
            UUID(agent) if agent else None,
            said.get("status"),
            datetime.fromisoformat(since) if since else None,
            datetime.fromisoformat(until) if until else None,
        )


class ReprocessRepository:
    """Reads and writes wishes."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def begin(self, wanted: Wanted, steps: Sequence[str], actor: str) -> ReprocessRow:
        """A wish, or the same one that is being fulfilled."""
        said = {"wanted": wanted.as_json(), "steps": sorted(steps)}
        fingerprint = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
        moment = (await self._db_session.execute(select(func.now()))).scalar_one()
        count = _meant(select(func.count()).select_from(CallRow), wanted, moment)
        total = (await self._db_session.execute(count)).scalar_one()
        statement = insert(ReprocessRow).values(
            id=uuid4(), fingerprint=fingerprint, actor=actor, total=total, created_at=moment, **said
        )
        statement = statement.on_conflict_do_nothing(
            index_elements=["fingerprint"], index_where=ReprocessRow.ended_at.is_(None)
        )
        await self._db_session.execute(statement)
        running = (ReprocessRow.fingerprint == fingerprint, ReprocessRow.ended_at.is_(None))
        return (await self._db_session.execute(select(ReprocessRow).where(*running))).scalar_one()

    async def get(self, reprocess_id: UUID) -> ReprocessRow:
        """One wish.

        Raises:
            NotFound: there is none.
        """
        row = await self._db_session.get(ReprocessRow, reprocess_id)
        if row is None:
            raise NotFound(f"There is no reprocessing {reprocess_id}.")
        return row

    async def going_on(self) -> Sequence[ReprocessRow]:
        """Those that are not over, the oldest first."""
        statement = select(ReprocessRow).where(ReprocessRow.ended_at.is_(None))
        return (await self._db_session.execute(statement.order_by(ReprocessRow.created_at))).scalars().all()

    async def advance(self, reprocess_id: UUID, done: int, failed: int) -> ReprocessRow | None:
        """So many calls are done; None where there is no such wish."""
        statement = (
            update(ReprocessRow)
            .where(ReprocessRow.id == reprocess_id)
            .values(done=done, failed=failed)
            .returning(ReprocessRow)
            .execution_options(synchronize_session=False)
        )
        return (await self._db_session.execute(statement)).scalar_one_or_none()

    async def end(self, reprocess_id: UUID, done: int, failed: int, error: str | None) -> None:
        """It is over."""
        statement = (
            update(ReprocessRow)
            .where(ReprocessRow.id == reprocess_id)
            .values(done=done, failed=failed, error=error, ended_at=func.now())
            .execution_options(synchronize_session=False)
        )
        await self._db_session.execute(statement)

    async def give_up(self, reprocess_id: UUID, error: str) -> None:
        """It will not go on, unless it is over by now."""
        statement = (
            update(ReprocessRow)
            .where(ReprocessRow.id == reprocess_id, ReprocessRow.ended_at.is_(None))
            .values(error=error, ended_at=func.now())
            .execution_options(synchronize_session=False)
        )
        await self._db_session.execute(statement)

    async def calls(self, row: ReprocessRow, after: UUID | None, limit: int) -> Sequence[UUID]:
        """The next calls that are meant, of those that there were when it was wished."""
        statement = _meant(select(CallRow.id), Wanted.read(row.wanted), row.created_at)
        if after is not None:
            statement = statement.where(CallRow.id > after)
        statement = statement.order_by(CallRow.id).limit(limit)
        return list((await self._db_session.execute(statement)).scalars())


def _meant(statement: Select[Any], wanted: Wanted, moment: datetime) -> Select[Any]:
    statement = statement.where(CallRow.status.not_in(OPEN), CallRow.created_at <= moment)
    if wanted.calls is not None:
        statement = statement.where(CallRow.id.in_(wanted.calls))
    if wanted.agent_id:
        statement = statement.where(CallRow.agent_id == wanted.agent_id)
    if wanted.status:
        statement = statement.where(CallRow.status == wanted.status)
    if wanted.since:
        statement = statement.where(CallRow.created_at >= wanted.since)
    if wanted.until:
        statement = statement.where(CallRow.created_at < wanted.until)
    return statement
