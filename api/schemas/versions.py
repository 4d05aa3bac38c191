"""Versions, as they come in and go out."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias

from pydantic import Field

from api.diffs import ChangeWord, Difference
from api.schemas.base import Answer, Body, Note
from db.repositories.versions import VersionOverview

DRAFT: Literal["draft"] = "draft"

VersionRef: TypeAlias = int | Literal["draft"]
"""The number of a version, or the draft."""


class PublishBody(Body):
    """What to say of the version that is made of the draft."""

    note: Note | None = None


class VersionItem(Answer):
    """A version in a list, with what became of it."""

    number: int
    author: str
    created_at: datetime
    note: str | None
    live: bool
    """Whether it takes calls now."""
    deployments: int
    """How often it was deployed."""
    last_deployed_at: datetime | None

    @classmethod
    def of(cls, view: VersionOverview, live_version: int | None, **more: Any) -> Any:
        """The answer for a row and its figures; `more` are the fields that a subclass adds."""
        row = view.version
        return cls(
            number=row.number,
            author=row.author,
            created_at=row.created_at,
            note=row.note,
            live=row.number == live_version,
            deployments=view.deployments,
            last_deployed_at=view.last_deployed_at,
            **more,
        )


class VersionAnswer(VersionItem):
    """One version with its config, secrets redacted."""

    config: dict[str, Any]


class VersionPage(Answer):
    """A page of an agent's versions, newest first."""

    items: list[VersionItem]
    next_cursor: str | None


class ChangeAnswer(Answer):
    """One field that differs; `before` is null where it was added, `after` where it was removed.

    Pointers of what was removed lead into `from`, those of all else into `to`.
    """

    pointer: str
    change: ChangeWord
    before: Any
    after: Any

    @classmethod
    def of(cls, found: Difference) -> ChangeAnswer:
        """The answer for a difference."""
        return cls(pointer=found.pointer, change=found.change, before=found.before, after=found.after)


class DiffAnswer(Answer):
    """What differs between two versions, field by field; secrets that differ show their hints alone."""

    from_: VersionRef = Field(alias="from")
    to: VersionRef
    changes: list[ChangeAnswer]
