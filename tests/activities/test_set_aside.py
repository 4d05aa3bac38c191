"""Journals that were set aside hold what was said: they go as the rest of it does."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from activities.salvage import Salvage
from activities.set_aside import KEPT, SetAside
from agents.record.journal import BROKEN, Journal
from common.keys import make_master_key
from db.engine import Database
from db.models import CallRow
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.calls import CallRepository
from db.repositories.erasures import Caller, ErasureRepository
from db.repositories.joining import JoinedAgent, JoiningRepository
from db.repositories.transcripts import Turn
from tests.agents.record.test_journal import NOW

pytestmark = pytest.mark.integration

REFUSED = Turn("item-1", "user", "My name is Ada\0", NOW)


async def _call(database: Database, room: str) -> UUID:
    async with database.begin() as db_session:
        config, slug = StoredConfig({"instructions": "Be kind."}, {}), f"a-{uuid4().hex[:8]}"
        agent = await AgentRepository(db_session, database.box).create("A", slug, config)
        call_id = uuid4()
        await JoiningRepository(db_session).joined(JoinedAgent(call_id, agent.id, 1, room))
        await CallRepository(db_session).end(room, "hung up")
    return call_id


async def _set_aside(database: Database, folder: Path, room: str) -> None:
    journal = Journal.begin(folder, JoinedAgent(uuid4(), uuid4(), 1, room))
    assert journal is not None
    journal.add(REFUSED)
    journal.close(done=False)
    await Salvage(database, folder).sweep()


async def _left(folder: Path) -> int:
    return len(await asyncio.to_thread(lambda: list(folder.glob(f"*{BROKEN}"))))


@pytest.mark.parametrize("room", ["call-{}", "theirs/{}.v1"])
async def test_it_goes_when_its_caller_is_erased(database: Database, tmp_path: Path, room: str) -> None:
    room = room.format(uuid4())
    call_id = await _call(database, room)
    await _set_aside(database, tmp_path, room)
    await SetAside(database, tmp_path).sweep()
    assert await _left(tmp_path) == 1, "somebody may want to read it"

    async with database.begin() as db_session:
        erasures = ErasureRepository(db_session)
        row, _ = await erasures.begin(Caller(call_ids=[call_id]), "tester")
        await erasures.erase(row.id, call_id)
    away = Database.connect("postgresql://127.0.0.1:9/away", make_master_key())
    await SetAside(away, tmp_path).sweep()
    await away.close()
    assert await _left(tmp_path) == 1
    await SetAside(database, tmp_path).sweep()
    assert await _left(tmp_path) == 0


async def test_it_goes_with_the_transcript(database: Database, tmp_path: Path) -> None:
    rooms = [f"call-{uuid4()}" for _ in range(2)]
    call_ids = [await _call(database, room) for room in rooms]
    for room in rooms:
        await _set_aside(database, tmp_path, room)
    async with database.begin() as db_session:
        statement = update(CallRow).where(CallRow.id == call_ids[0]).values(transcript_deleted_at=NOW)
        await db_session.execute(statement)
    await SetAside(database, tmp_path).sweep()
    assert await _left(tmp_path) == 1
    async with database.begin() as db_session:
        await db_session.delete(await CallRepository(db_session).get(call_ids[1]))
    await SetAside(database, tmp_path).sweep()
    assert await _left(tmp_path) == 1, "Postgres may have never heard of that call"


async def test_what_does_not_say_whose_it_is_goes_by_its_name(database: Database, tmp_path: Path) -> None:
    room = f"call-{uuid4()}"
    await _call(database, room)
    (tmp_path / f"{room}.1.77-123{BROKEN}").write_text("what is that\n")
    (tmp_path / f"nonsense{BROKEN}").write_text("what is that\n")
    async with database.begin() as db_session:
        statement = update(CallRow).where(CallRow.room == room).values(transcript_deleted_at=NOW)
        await db_session.execute(statement)
    await SetAside(database, tmp_path).sweep()
    (left,) = await asyncio.to_thread(lambda: list(tmp_path.iterdir()))
    assert left.name.startswith("nonsense")


async def test_it_goes_when_it_is_old(database: Database, tmp_path: Path) -> None:
    room = f"call-{uuid4()}"
    await _call(database, room)
    await _set_aside(database, tmp_path, room)
    (path,) = await asyncio.to_thread(lambda: list(tmp_path.glob(f"*{BROKEN}")))
    old = time.time() - KEPT.total_seconds() - 1
    os.utime(path, (old, old))
    await SetAside(database, tmp_path).sweep()
    assert await _left(tmp_path) == 0
