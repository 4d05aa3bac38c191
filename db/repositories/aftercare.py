"""Queries on what steps need to know of a call that is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import CallEventRow, TurnRow
from db.repositories.recordings import NOTED

USAGE = "usage"


class AftercareRepository:
    """Reads calls that are over."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def used(self, call_id: UUID) -> list[dict[str, Any]]:
        """What each of a call's agents had used when it told of it last."""
        statement = (
            select(CallEventRow.data)
            .where(CallEventRow.call_id == call_id, CallEventRow.kind == USAGE)
            .ext(distinct_on(CallEventRow.attempt))
            .order_by(CallEventRow.attempt, CallEventRow.number.desc())
        )
        return list((await self._db_session.execute(statement)).scalars())

    async def recorders(self, call_id: UUID) -> Sequence[int]:
        """The attempts of a call whose agents recorded it."""
        statement = (
            select(CallEventRow.attempt)
            .where(CallEventRow.call_id == call_id, CallEventRow.kind == NOTED)
            .where(CallEventRow.data["recorded"].astext == "true")
            .distinct()
            .order_by(CallEventRow.attempt)
        )
        return (await self._db_session.execute(statement)).scalars().all()

    async def turns(self, call_id: UUID) -> int:
        """How many there are."""
        statement = select(func.count()).where(TurnRow.call_id == call_id)
        return (await self._db_session.execute(statement)).scalar_one()
