"""Queries on erasures: calls lose all that tells of their caller, and a receipt says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import Select, func, null, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from common.errors import NotFound
from db.models import CallRow, ErasedCallRow, ErasureRow
from db.repositories import belongings
from db.repositories.calls import OPEN
from db.repositories.counting import CountingRepository

MOST = 500
"""Calls that one erasure looks at."""

ERASED, STILL_OPEN, UNKNOWN = "erased", "open", "unknown"


@dataclass(frozen=True)
class Caller:
    """Whose calls: every field that is given narrows, and one must be."""

    identity: str | None = None
    call_ids: Sequence[UUID] = ()
    attributes: dict[str, str] | None = None
    agent_id: UUID | None = None

    @property
    def chosen_by(self) -> list[str]:
        """The fields that are given, as they are called outside."""
        given = {"identity": self.identity, "callIds": self.call_ids, "attributes": self.attributes}
        return [name for name, value in given.items() if value]


class ErasureRepository:
    """Writes and reads erasures."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def begin(self, caller: Caller, actor: str) -> tuple[ErasureRow, Sequence[UUID]]:
        """A receipt with nothing on it yet, and the calls that are to be erased."""
        found = (await self._db_session.execute(_calls(caller))).scalars().all()
        ids = list(dict.fromkeys([*found, *caller.call_ids])) if _by_id_alone(caller) else list(found)
        row = ErasureRow(
            id=uuid4(),
            actor=actor,
            chosen_by=caller.chosen_by,
            agent_id=caller.agent_id,
            more=len(ids) > MOST,
        )
        self._db_session.add(row)
        await self._db_session.flush()
        return row, ids[:MOST]

    async def erase(self, erasure_id: UUID, call_id: UUID) -> None:
        """Erase one call, if it is over, and note it on the receipt; the same again finds nothing more.

        Its row stays, with nothing in it that tells of its caller, and so do the figures.
        """
        locked = select(CallRow).where(CallRow.id == call_id).with_for_update()
        row = (await self._db_session.execute(locked)).scalar_one_or_none()
        line = ErasedCallRow(erasure_id=erasure_id, call_id=call_id, deleted={})
        if row is None:
            line.outcome = UNKNOWN
        elif row.status in OPEN:
            line.outcome = STILL_OPEN
        else:
            line.outcome = ERASED
            line.trace_ids = [each for each in (row.trace_id, *row.later_trace_ids) if each is not None]
            line.deleted = await self._erase(call_id)
        self._db_session.add(line)
        await self._db_session.flush()

    async def _erase(self, call_id: UUID) -> dict[str, int]:
        await CountingRepository(self._db_session).count_now(CallRow.id == call_id)
        every = (*belongings.TRANSCRIPT, *belongings.RECORDINGS, *belongings.TRACES)
        deleted = {each.name: await each.erase(self._db_session, [call_id]) for each in every}
        statement = update(CallRow).where(CallRow.id == call_id)
        statement = statement.values(
            identity=None,
            attributes=null(),
            transcript_deleted_at=func.coalesce(CallRow.transcript_deleted_at, func.now()),
            erased_at=func.coalesce(CallRow.erased_at, func.now()),
        )
        await self._db_session.execute(statement.execution_options(synchronize_session=False))
        return deleted

    async def finish(self, erasure_id: UUID) -> None:
        """Every call that was to be erased is."""
        statement = update(ErasureRow).where(ErasureRow.id == erasure_id).values(finished_at=func.now())
        await self._db_session.execute(statement.execution_options(synchronize_session=False))

    async def get(self, erasure_id: UUID) -> tuple[ErasureRow, Sequence[ErasedCallRow]]:
        """A receipt and its lines.

        Raises:
            NotFound: there is none.
        """
        row = await self._db_session.get(ErasureRow, erasure_id)
        if row is None:
            raise NotFound(f"There is no erasure {erasure_id}.")
        statement = select(ErasedCallRow).where(ErasedCallRow.erasure_id == erasure_id)
        lines = statement.order_by(ErasedCallRow.created_at, ErasedCallRow.call_id)
        return row, (await self._db_session.execute(lines)).scalars().all()


def _by_id_alone(caller: Caller) -> bool:
    """Whether calls that are not found are worth a line: nobody else said which there are."""
    return caller.chosen_by == ["callIds"] and caller.agent_id is None


def _calls(caller: Caller) -> Select[UUID]:
    statement = select(CallRow.id).order_by(CallRow.created_at, CallRow.id).limit(MOST + 1)
    if caller.identity:
        statement = statement.where(CallRow.identity == caller.identity)
    if caller.call_ids:
        statement = statement.where(CallRow.id.in_(caller.call_ids))
    if caller.attributes:
        statement = statement.where(CallRow.attributes.contains(caller.attributes))
    if caller.agent_id:
        statement = statement.where(CallRow.agent_id == caller.agent_id)
    return statement
