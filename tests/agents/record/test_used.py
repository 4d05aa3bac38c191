"""What a killed agent had used to its last moment is in the record, and nothing of it twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from activities.salvage import Salvage
from agents.record.journal import Journal, Used, journals, read
from agents.record.ledger import Ledger
from agents.record.recorder import CallRecorder
from db.engine import Database
from db.models import CallEventRow
from db.repositories.aftercare import AftercareRepository
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.joining import JoinedAgent
from db.repositories.transcripts import CallEvent, TranscriptRepository
from tests.agents.record.test_journal import EVENT, NOW
from tests.support.waiting import eventually


def _tokens(count: int) -> dict[str, Any]:
    return {"models": [{"type": "llm_usage", "provider": "openai", "model": "m", "input_tokens": count}]}


async def _agent(database: Database) -> JoinedAgent:
    async with database.begin() as db_session:
        config, slug = StoredConfig({"instructions": "Be kind."}, {}), f"a-{uuid4().hex[:8]}"
        agent = await AgentRepository(db_session, database.box).create("A", slug, config)
    call_id = uuid4()
    return JoinedAgent(call_id, agent.id, 1, f"call-{call_id}")


@pytest.mark.unit
def test_the_newest_is_left_until_an_event_tells_of_it(tmp_path: Path) -> None:
    journal = Journal.begin(tmp_path, JoinedAgent(uuid4(), uuid4(), 1, "call-1"))
    assert journal is not None
    (path,) = journals(tmp_path)

    def used() -> CallEvent | None:
        with path.open() as file:
            return read(file).used

    first, second = (CallEvent(2, "usage", NOW, _tokens(count)) for count in (10, 25))
    journal.add(Used(first))
    journal.add(Used(second))
    assert used() == second
    journal.keep_only([EVENT, Used(second)])
    assert used() == second
    journal.add(second)
    assert used() is None
    third = replace(second, number=3)
    journal.add(Used(third))
    assert used() == third
    journal.keep_only([])
    assert used() is None
    journal.close(done=True)


@pytest.mark.integration
async def test_what_a_killed_agent_had_used_is_told_once(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    killed = await _agent(database)
    ledger, journal = Ledger(database_url, killed.room), Journal.begin(tmp_path, killed)
    assert journal is not None
    recorder = CallRecorder(ledger, killed, journal)

    async def events(kind: str) -> Sequence[CallEventRow]:
        async with database.begin() as db_session:
            return await TranscriptRepository(db_session).events(killed.call_id, kind)

    recorder.joined()
    recorder.used(_tokens(10))
    await eventually(lambda: events("usage"), "the first note of it")
    recorder.used(_tokens(25))
    recorder.note("agent_state", {"to": "listening"})
    await eventually(lambda: events("agent_state"), "what came after it")
    recorder.used(_tokens(40))
    assert recorder._task
    recorder._task.cancel()
    await ledger.close()
    journal.close(done=False)

    for _ in range(2):
        await Salvage(database, tmp_path).sweep()
        assert [each.data for each in await events("usage")] == [_tokens(10), _tokens(40)]
    async with database.begin() as db_session:
        assert await AftercareRepository(db_session).used(killed.call_id) == [_tokens(40)]


@pytest.mark.integration
async def test_what_was_told_when_its_agent_was_killed_is_not_told_again(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    """It was killed before it could strike it off."""
    killed = await _agent(database)
    journal = Journal.begin(tmp_path, killed)
    assert journal is not None
    recorder = CallRecorder(Ledger(database_url, killed.room), killed, journal)
    recorder.joined()
    recorder.used(_tokens(10))
    recorder.used(_tokens(25))
    (path,) = journals(tmp_path)
    struck = path.read_text()
    await recorder.close("caller left")
    path.write_text(struck)
    await Salvage(database, tmp_path).sweep()
    async with database.begin() as db_session:
        events = await TranscriptRepository(db_session).events(killed.call_id, "usage")
    assert [each.data for each in events] == [_tokens(10), _tokens(25)]
