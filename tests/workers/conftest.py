"""Who is told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete

from db.engine import Database
from db.models import EventRow, WebhookEndpointRow
from tests.support.receiver import Receiver, receiving
from workers.control import outbox as outbox_module


@pytest.fixture
async def receiver(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    """A receiver; nothing in the outbox, no endpoints, and nobody waits a second."""
    monkeypatch.setattr(outbox_module, "EVERY_SECONDS", 0.02)
    monkeypatch.setattr(outbox_module, "LOOK_SECONDS", 0.02)
    async with database.begin() as db_session:
        await db_session.execute(delete(EventRow))
        await db_session.execute(delete(WebhookEndpointRow))
    async with receiving() as found:
        yield found
