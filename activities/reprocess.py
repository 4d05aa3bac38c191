"""Which calls are to be done again, some at a time, and how far that is."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from temporalio import activity

from activities.errors import told_to_temporal
from db.engine import Database
from db.repositories.reprocesses import ReprocessRepository
from workflows.after_types import Page, PageInput, ReprocessEnd

PAGE = 50
"""Calls of one page."""


@dataclass(frozen=True)
class ReprocessActivities:
    """What the control worker does for workflows that go through many calls."""

    database: Database

    @activity.defn
    async def next_calls(self, request: PageInput) -> Page:
        """Note how far a wish is; the next calls of it. None where it was deleted."""
        with told_to_temporal():
            async with self.database.begin() as db_session:
                wishes = ReprocessRepository(db_session)
                row = await wishes.advance(UUID(request.reprocess_id), request.done, request.failed)
                if row is None:
                    return Page([])
                after = UUID(request.after) if request.after else None
                calls = await wishes.calls(row, after, PAGE)
        return Page([str(call_id) for call_id in calls])

    @activity.defn
    async def end_reprocess(self, request: ReprocessEnd) -> None:
        """Note that a wish is over."""
        with told_to_temporal():
            async with self.database.begin() as db_session:
                wishes = ReprocessRepository(db_session)
                await wishes.end(UUID(request.reprocess_id), request.done, request.failed, request.error)
