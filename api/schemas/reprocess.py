"""Steps that are done again for many calls, as they come in and go out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from api.schemas.base import Answer, Body
from common.status import CallStatus
from db.models import ReprocessRow
from workflows.after_types import Step

MAX_CALLS = 1000


def _once(steps: list[Step]) -> list[Step]:
    if len(set(steps)) < len(steps):
        raise ValueError("must not name a step twice")
    return steps


StepNames = Annotated[list[Annotated[Step, Field(strict=False)]], Field(min_length=1), AfterValidator(_once)]
CallIds = Annotated[list[Annotated[UUID, Field(strict=False)]], Field(min_length=1, max_length=MAX_CALLS)]


class CallsThatFit(Body):
    """Which calls: every field narrows."""

    agent: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """An id or a slug."""
    status: Annotated[CallStatus, Field(strict=False)] | None = None
    from_: Annotated[datetime, Field(strict=False)] | None = Field(default=None, alias="from")
    """When they were made."""
    to: Annotated[datetime, Field(strict=False)] | None = None


class ReprocessRequest(Body):
    """Do steps again, for calls that are named or for all that fit. Calls that go on are left out."""

    steps: StepNames
    calls: CallIds | None = None
    filter: CallsThatFit | None = None

    @model_validator(mode="after")
    def _either(self) -> ReprocessRequest:
        if (self.calls is None) == (self.filter is None):
            raise ValueError("name either `calls` or a `filter`; an empty filter means all calls")
        return self


class ReprocessAnswer(Answer):
    """A wish, and how far it is."""

    id: UUID
    status: Literal["running", "done", "failed"]
    steps: list[str]
    wanted: dict[str, Any]
    actor: str
    total: int
    """Calls when it was wished."""
    done: int
    failed: int
    """Calls of which a step failed; they are among those that are done."""
    created_at: datetime
    ended_at: datetime | None
    error: str | None

    @classmethod
    def of(cls, row: ReprocessRow) -> ReprocessAnswer:
        """The answer for a row."""
        return cls(
            id=row.id,
            status="running" if row.ended_at is None else "failed" if row.error else "done",
            steps=row.steps,
            wanted=row.wanted,
            actor=row.actor,
            total=row.total,
            done=row.done,
            failed=row.failed,
            created_at=row.created_at,
            ended_at=row.ended_at,
            error=row.error,
        )
