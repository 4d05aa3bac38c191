"""Queries on replicas."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from common.status import Status
from db.models import ReplicaRow


@dataclass(frozen=True)
class ToldReplica:
    """A replica as its agent's workflow told of it last."""

    status: Status
    attempt: int
    sequence: int
    """Higher whenever something was told, orders to end included."""


class ReplicaRepository:
    """Reads replicas."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def told(self, ids: Collection[str]) -> dict[str, ToldReplica]:
        """Those of `ids` that are known."""
        statement = select(ReplicaRow.id, ReplicaRow.status, ReplicaRow.attempt, ReplicaRow.sequence).where(
            ReplicaRow.id.in_(ids)
        )
        rows = await self._db_session.execute(statement)
        return {each: ToldReplica(Status(status), *rest) for each, status, *rest in rows}
