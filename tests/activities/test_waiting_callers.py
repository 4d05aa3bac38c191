"""Callers who wait hear of the version that they would be sent, and of no other one."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import func, update

from activities import waiting_callers
from activities.waiting_callers import WaitingCallers
from common.status import CallStatus
from db.engine import Database
from db.models import AgentRow, CallRow
from db.repositories.agents import AgentRepository, StoredConfig
from tests.support.waiting import eventually
from workflows.call_types import CallInput

pytestmark = pytest.mark.integration

LIVE, ON_TRIAL, NEXT = 2, 3, 4


class News:
    """Remembers which calls were told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def agent_ready(self, call: CallInput) -> None:
        """Note it."""
        self.told.append(call.call_id)


@pytest.fixture
def news() -> News:
    return News()


@pytest.fixture
async def waiting(
    database: Database, news: News, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[WaitingCallers]:
    """Those of a host, at work and less patient than in earnest."""
    monkeypatch.setattr(waiting_callers, "TRY_SECONDS", 0.05)
    found = WaitingCallers(database, cast("Any", news), 2.0)
    work = asyncio.create_task(found.keep())
    yield found
    work.cancel()


@pytest.fixture
async def agent_id(database: Database) -> UUID:
    """An agent with a live version, and one on trial."""
    async with database.begin() as db_session:
        slug = f"w-{uuid.uuid4().hex[:8]}"
        row = await AgentRepository(db_session, database.box).create("W", slug, StoredConfig({}, {}))
        row.live_version, row.canary_version = LIVE, ON_TRIAL
    return row.id


async def _waits(database: Database, agent_id: UUID, version: int) -> str:
    """A caller with a token for that version."""
    call_id = uuid.uuid4()
    async with database.begin() as db_session:
        db_session.add(
            CallRow(
                id=call_id,
                agent_id=agent_id,
                version=version,
                room=f"room-{call_id}",
                status=CallStatus.WAITING,
                caller_joined_at=func.now(),
            )
        )
    return str(call_id)


async def _told(news: News, *calls: str) -> None:
    async def so() -> bool:
        return news.told == list(calls)

    await eventually(so, "the callers to be told", seconds=5)


async def test_each_hears_of_the_version_that_it_would_be_sent(
    database: Database, news: News, waiting: WaitingCallers, agent_id: UUID
) -> None:
    replaced = await _waits(database, agent_id, LIVE - 1)
    tried = await _waits(database, agent_id, ON_TRIAL)
    waiting.registered(agent_id, ON_TRIAL)
    await _told(news, tried)
    waiting.registered(agent_id, LIVE)
    await _told(news, tried, replaced)


async def test_a_version_that_registers_is_told_of_once_it_takes_calls(
    database: Database, news: News, waiting: WaitingCallers, agent_id: UUID
) -> None:
    call = await _waits(database, agent_id, LIVE)
    waiting.registered(agent_id, NEXT)
    await asyncio.sleep(0.3)
    assert news.told == [], "the live version would be sent, and is not there"
    async with database.begin() as db_session:
        taken_over = update(AgentRow).where(AgentRow.id == agent_id)
        await db_session.execute(taken_over.values(live_version=NEXT, canary_version=None))
    await _told(news, call)
    await asyncio.sleep(0.2)
    assert news.told == [call]
