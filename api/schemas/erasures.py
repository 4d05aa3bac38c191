"""Erasing callers: what is asked, and the receipt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, model_validator

from api.schemas.base import Answer, Body
from db.models import ErasedCallRow, ErasureRow
from db.repositories.erasures import MOST

Words = Annotated[str, Field(min_length=1, max_length=1000)]
CallId = Annotated[UUID, Field(strict=False)]


class CallerChoice(Body):
    """Whose data is to be erased. Every field narrows: a call must fit all that are given.

    Callers are told apart by what their tokens were made with: `attributes`, which is what a website knows of
    them, or `identity`, which is another one for each token.
    """

    identity: Words | None = None
    call_ids: Annotated[list[CallId], Field(min_length=1, max_length=MOST)] | None = None
    attributes: Annotated[dict[Words, Words], Field(min_length=1, max_length=16)] | None = None
    """Each of these the call must have, whatever else it has."""

    agent: Words | None = None
    """An agent's id or slug: only its calls are looked at."""

    @model_validator(mode="after")
    def _chooses(self) -> CallerChoice:
        if self.identity is None and self.call_ids is None and self.attributes is None:
            raise ValueError("say whom: give `identity`, `callIds` or `attributes`")
        return self


class ErasedCall(Answer):
    """What became of one call."""

    call_id: UUID
    outcome: str
    """`erased`; `open`: it goes on and was left alone: end it and ask again; `unknown`: there is none."""
    deleted: dict[str, int]
    """How many rows or files, by what they were. A call that was erased before has none left."""
    trace_ids: list[str]


class ErasureAnswer(Answer):
    """The receipt. It holds no personal data, and is kept."""

    id: UUID
    created_at: datetime
    finished_at: datetime | None
    """Null: it broke off. Calls that are not listed are as they were: ask again."""
    actor: str
    chosen_by: Sequence[str]
    agent_id: UUID | None
    more: bool
    """There are more such calls: ask again."""
    calls: list[ErasedCall]
    langfuse_trace_ids: list[str]
    """What has to be deleted in LangFuse, where traces are sent there: the platform does not do it."""

    @classmethod
    def of(cls, row: ErasureRow, lines: Sequence[ErasedCallRow]) -> ErasureAnswer:
        """The receipt of an erasure."""
        return cls(
            id=row.id,
            created_at=row.created_at,
            finished_at=row.finished_at,
            actor=row.actor,
            chosen_by=row.chosen_by,
            agent_id=row.agent_id,
            more=row.more,
            calls=[
                ErasedCall(
                    call_id=line.call_id, outcome=line.outcome, deleted=line.deleted, trace_ids=line.trace_ids
                )
                for line in lines
            ],
            langfuse_trace_ids=[each for line in lines for each in line.trace_ids],
        )
