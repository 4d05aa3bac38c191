"""Queries on what is done with calls that are over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.events import EventKind
from db.models import AnalysisRow, CallRow
from db.repositories.events import told

RUNNING = "running"
DONE = "done"
FAILED = "failed"
SKIPPED = "skipped"


@dataclass(frozen=True)
class Outcome:
    """What came of a step."""

    state: str
    result: dict[str, Any] | None = None
    """None: what had come of it before stays."""
    error: str | None = None


class AnalysisRepository:
    """Reads and writes what came of steps."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def begin(self, call_id: UUID, step: str) -> int:
        """A step is begun, once more perhaps; the number of this try. It alone may say what came of it.

        Raises:
            IntegrityError: there is no such call.
        """
        statement = insert(AnalysisRow).values(call_id=call_id, step=step, state=RUNNING, attempt=1)
        again = {"state": RUNNING, "attempt": AnalysisRow.attempt + 1, "at": func.now(), "error": None}
        statement = statement.on_conflict_do_update(index_elements=["call_id", "step"], set_=again)
        return (await self._db_session.execute(statement.returning(AnalysisRow.attempt))).scalar_one()

    async def end(self, call_id: UUID, step: str, attempt: int, outcome: Outcome) -> bool:
        """What came of that try; False where another one was begun since, which will say it."""
        values: dict[str, Any] = {"state": outcome.state, "error": outcome.error, "at": func.now()}
        if outcome.result is not None:
            values["result"] = outcome.result
        statement = (
            update(AnalysisRow)
            .where(AnalysisRow.call_id == call_id, AnalysisRow.step == step, AnalysisRow.attempt == attempt)
            .values(values)
            .returning(AnalysisRow.step)
            .execution_options(synchronize_session=False)
        )
        return (await self._db_session.execute(statement)).scalar_one_or_none() is not None

    async def conclude(self, call_id: UUID, steps: Sequence[str], error: str) -> None:
        """These steps are over: the event says what came of them. Said again, it is said once.

        `error` is why those failed of which nobody has told the end: nobody will.
        """
        await self._give_up(call_id, steps, error)
        new = (
            update(AnalysisRow)
            .where(
                AnalysisRow.call_id == call_id,
                AnalysisRow.step.in_(steps),
                AnalysisRow.told.is_distinct_from(AnalysisRow.attempt),
            )
            .values(told=AnalysisRow.attempt)
            .returning(AnalysisRow.call_id, AnalysisRow.step, AnalysisRow.state)
            .cte("new")
        )
        states = func.jsonb_object_agg(new.c.step, new.c.state).label("states")
        over = (
            select(CallRow.id, CallRow.agent_id, CallRow.version, CallRow.room, states)
            .join(new, new.c.call_id == CallRow.id)
            .group_by(CallRow.id)
            .cte("over")
        )
        news = told(
            "news",
            over,
            kind=EventKind.CALL_ANALYZED,
            agent_id=over.c.agent_id,
            call_id=over.c.id,
            data={"version": over.c.version, "room": over.c.room, "steps": over.c.states},
        )
        await self._db_session.execute(select(func.count()).select_from(news))

    async def _give_up(self, call_id: UUID, steps: Sequence[str], error: str) -> None:
        statement = (
            update(AnalysisRow)
            .where(AnalysisRow.call_id == call_id, AnalysisRow.step.in_(steps), AnalysisRow.state == RUNNING)
            .values(state=FAILED, error=error, at=func.now())
            .execution_options(synchronize_session=False)
        )
        await self._db_session.execute(statement)

    async def of(self, call_id: UUID) -> list[AnalysisRow]:
        """Every step of a call that was ever begun, by its name."""
        statement = select(AnalysisRow).where(AnalysisRow.call_id == call_id).order_by(AnalysisRow.step)
        return list((await self._db_session.execute(statement)).scalars())
