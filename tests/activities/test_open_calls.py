"""Calls whose LiveKit can't be asked are left alone, and it is said why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import aiohttp
import pytest
from sqlalchemy import update

from activities.open_calls import AGE, RoomCheck
from db.engine import Database
from db.models import CallRow
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.drifts import DriftRepository
from db.repositories.joining import JoinedAgent, JoiningRepository
from tests.api.conftest import make_settings
from workflows.reconcile_types import Drift

pytestmark = pytest.mark.integration


async def test_calls_on_a_server_that_is_away_stay_open(database: Database, database_url: str) -> None:
    async with database.begin() as db_session:
        config = StoredConfig({"instructions": "Be kind."}, {})
        agent = await AgentRepository(db_session, database.box).create("A", f"a-{uuid4().hex[:8]}", config)
        old = uuid4()
        for call_id in (old, uuid4()):
            joined = JoinedAgent(call_id, agent.id, 1, f"call-{call_id}")
            await JoiningRepository(db_session).joined(joined)
        an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
        await db_session.execute(update(CallRow).where(CallRow.id == old).values(started_at=an_hour_ago))

    async with aiohttp.ClientSession() as http:
        check = RoomCheck(database, make_settings(database_url), http, lambda: None, page=1)
        assert await check.roomless() == []
        trouble = check.troubles[None]  # of the platform's own server; calls of other tests may be on others
        assert "can't be reached: connection refused. Check LIVEKIT_URL" in trouble

        async with database.begin() as db_session:
            found = await DriftRepository(db_session).open_calls(AGE, None, 100)
        (call,) = [each for each in found if each.agent_id == agent.id]
        assert call.id == old, "the other one is young"
        (repair,) = await check.close(call)
        assert (repair.kind, repair.subject) == (Drift.CALL_OPEN, str(old))
        assert await check.close(call) == [], "it is over"
