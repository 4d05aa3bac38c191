"""Repairs, as they go out."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from api.schemas.base import Answer
from db.models import RepairRow


class RepairItem(Answer):
    """Something that the reconciler put right."""

    id: UUID
    at: datetime
    kind: str
    agent_id: UUID | None
    subject: str
    """The id of what was put right: an agent, a replica, a deployment or a call."""
    what: str
    """In plain words."""

    @classmethod
    def of(cls, row: RepairRow) -> RepairItem:
        """The answer for a row."""
        return cls(
            id=row.id,
            at=row.created_at,
            kind=row.kind,
            agent_id=row.agent_id,
            subject=row.subject,
            what=row.what,
        )


class RepairPage(Answer):
    """A page of repairs, newest first."""

    items: list[RepairItem]
    next_cursor: str | None
