"""What Postgres will not take: an entry for good, all of them during a migration, or what nobody wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from activities.salvage import Salvage
from agents.record.journal import BROKEN, Journal, Rest, journals, read
from agents.record.ledger import Ledger
from agents.record.recorder import CallRecorder
from db.engine import Database
from db.models import CallRow
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.calls import CallRepository
from db.repositories.joining import JoinedAgent
from db.repositories.transcripts import TranscriptRepository
from tests.agents.record.test_journal import CALLED, TURN, _killed
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

SOON_SECONDS = 10.0
"""For what is to end at once."""


@dataclass
class World:
    """A call, its recorder and what is kept of it."""

    database: Database
    folder: Path
    call_id: UUID
    recorder: CallRecorder

    def says(self, number: int, words: str | None = None) -> None:
        """The caller does."""
        self.recorder.add(replace(TURN, item_id=f"item-{number}", text=words or f"turn {number}"))

    async def turns(self) -> list[str]:
        """What Postgres has of it."""
        async with self.database.begin() as db_session:
            return [each.text for each in await TranscriptRepository(db_session).turns(self.call_id)]

    async def drafts(self) -> list[str]:
        """What was not over."""
        async with self.database.begin() as db_session:
            return [each.text for each in await TranscriptRepository(db_session).drafts(self.call_id)]

    async def tools(self) -> list[str]:
        """What was called."""
        async with self.database.begin() as db_session:
            found = await TranscriptRepository(db_session).events(self.call_id, "tool")
        return [each.data["callId"] for each in found]

    async def call(self) -> CallRow:
        """The call itself."""
        async with self.database.begin() as db_session:
            return await CallRepository(db_session).get(self.call_id)

    async def ends(self) -> None:
        """It does, and soon."""
        await asyncio.wait_for(self.recorder.close("caller left"), SOON_SECONDS)

    def aside(self) -> list[Rest]:
        """What was set aside."""
        rests = []
        for path in self.folder.glob(f"*{BROKEN}"):
            with path.open() as file:
                rests.append(read(file))
        return rests


@pytest.fixture
async def world(database: Database, database_url: str, tmp_path: Path) -> World:
    """A call that begins."""
    async with database.begin() as db_session:
        config, slug = StoredConfig({"instructions": "Be kind."}, {}), f"a-{uuid4().hex[:8]}"
        agent = await AgentRepository(db_session, database.box).create("A", slug, config)
    call_id = uuid4()
    joined = JoinedAgent(call_id, agent.id, 1, f"call-{call_id}")
    recorder = CallRecorder(Ledger(database_url, joined.room), joined, Journal.begin(tmp_path, joined))
    return World(database, tmp_path, call_id, recorder)


@asynccontextmanager
async def a_table_is_missing(database: Database, table: str = "turns") -> AsyncIterator[None]:
    """As it may be while a migration runs."""
    async with database.begin() as db_session:
        await db_session.execute(text(f"ALTER TABLE {table} RENAME TO {table}_elsewhere"))
    try:
        yield
    finally:
        async with database.begin() as db_session:
            await db_session.execute(text(f"ALTER TABLE {table}_elsewhere RENAME TO {table}"))


async def test_what_postgres_refuses_is_set_aside_and_nothing_else(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.recorder.joined()
    world.says(1)
    world.says(2, "my secret\0")
    world.says(3)
    world.recorder.note("tool", CALLED | {"callId": "c-1"})
    world.recorder.note("tool", CALLED | {"callId": "c-2", "output": "\0"})
    world.recorder.draft("agent", "It ships")
    await eventually(world.turns, "what can be written")
    world.says(4)
    await world.ends()
    assert await world.turns() == ["turn 1", "turn 3", "turn 4"]
    assert await world.drafts() == ["It ships"]
    assert await world.tools() == ["c-1"]
    (aside,) = world.aside()
    assert aside.agent.call_id == world.call_id
    assert [each.text for each in aside.turns] == ["my secret\0"]
    assert [each.data["callId"] for each in aside.events] == ["c-2"]
    assert (await world.call()).status == "ended"
    assert journals(world.folder) == []
    assert "secret" not in caplog.text


async def test_without_a_journal_it_is_lost_alone(world: World, caplog: pytest.LogCaptureFixture) -> None:
    assert world.recorder.journal
    world.recorder.journal.close(done=True)
    world.recorder.journal = None
    world.recorder.joined()
    world.says(1)
    world.says(2, "my secret\0")
    await world.ends()
    assert await world.turns() == ["turn 1"]
    assert "which is lost" in caplog.text


async def test_a_table_that_is_missing_for_a_moment_loses_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def waits() -> bool:
        return "Postgres has no place" in caplog.text

    world.recorder.joined()
    async with a_table_is_missing(world.database):
        world.says(1)
        await eventually(waits, "a word on it")
        world.says(2)
    world.says(3)
    await world.ends()
    assert await world.turns() == ["turn 1", "turn 2", "turn 3"]
    assert (world.aside(), journals(world.folder)) == ([], [])
    assert caplog.text.count("Postgres has no place") == 1


async def test_the_record_of_a_call_that_is_deleted_amid_it_ends(world: World) -> None:
    world.recorder.joined()
    world.says(1)
    await eventually(world.turns, "the first turn")
    async with world.database.begin() as db_session:
        await db_session.delete(await CallRepository(db_session).get(world.call_id))
    world.says(2)
    world.says(3, "\0")
    await world.ends()
    assert await world.turns() == []
    assert (world.aside(), journals(world.folder)) == ([], [])


async def test_a_journal_waits_until_all_tables_are_there(database: Database, tmp_path: Path) -> None:
    killed = await _killed(database, tmp_path)
    async with a_table_is_missing(database):
        await Salvage(database, tmp_path).sweep()
        assert len(journals(tmp_path)) == 1
    await Salvage(database, tmp_path).sweep()
    async with database.begin() as db_session:
        (turn,) = await TranscriptRepository(db_session).turns(killed.call_id)
    assert (turn.text, journals(tmp_path)) == (TURN.text, [])


async def test_what_is_left_of_a_call_that_is_deleted_meanwhile_is_kept_nowhere(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _killed(database, tmp_path)

    async def known(*_: object) -> UUID:
        return uuid4()

    monkeypatch.setattr(Salvage, "_call_of", known)
    await Salvage(database, tmp_path).sweep()
    assert await asyncio.to_thread(lambda: [*tmp_path.iterdir()]) == []
