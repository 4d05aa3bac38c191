"""Whose story is told."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import delete

from db.engine import Database
from db.models import AgentRow, EventRow
from db.repositories.agents import AgentRepository, StoredConfig


@pytest.fixture
async def agent(database: Database) -> AgentRow:
    """An agent, and an empty outbox."""
    async with database.begin() as db_session:
        await db_session.execute(delete(EventRow))
        slug = f"e-{uuid.uuid4().hex[:8]}"
        return await AgentRepository(db_session, database.box).create("E", slug, StoredConfig({}, {}))
