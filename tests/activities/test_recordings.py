"""From the spool to the storage: while that is away, after a call was deleted, and what is no recording."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest
from sqlalchemy import func, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from activities.recordings import STRANGER_SECONDS, Keeper
from agents.tapes import Tape, TapeNote
from api.postgres import Postgres
from api.services.recordings import RecordingService
from common.errors import NotFound
from common.settings import Settings
from common.storage import Storage
from db.engine import Database
from db.models import CallRow, RecordingRow
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.calls import CallRepository
from db.repositories.erasures import Caller, ErasureRepository
from db.repositories.joining import JoinedAgent, JoiningRepository
from db.repositories.recordings import RecordingRepository
from tests.api.conftest import make_settings
from tests.support.sound import encoded
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration


@dataclass
class World:
    """A call, and the host on which it was."""

    database: Database
    settings: Settings
    agent_id: UUID
    call_id: UUID
    room: str

    @property
    def keeper(self) -> Keeper:
        """Of the host."""
        return Keeper("one", self.database, self.settings)

    @property
    def service(self) -> RecordingService:
        """Of the API."""
        return RecordingService(Postgres(self.database), self.settings)

    def leaves(
        self, content: bytes, *, attempt: int = 1, room: str | None = None, whole: bool = True
    ) -> None:
        """An agent has recorded this."""
        note = TapeNote(room or self.room, attempt, time.time())
        tape = Tape.begin(self.settings.bionic_spool, note)
        tape.path.write_bytes(content)
        if whole:
            tape.finish(None)
        else:
            tape._file.close()

    @property
    def spool(self) -> list[Path]:
        """What lies there."""
        return list(self.settings.bionic_spool.iterdir())

    @property
    def stored(self) -> list[Path]:
        """What lies in the storage."""
        folder = Path(self.settings.bionic_storage)
        return [path for path in folder.rglob("*") if path.is_file()]

    def block_storage(self) -> None:
        """Nothing can be stored."""
        Path(self.settings.bionic_storage).write_bytes(b"in the way")

    def unblock_storage(self) -> None:
        """It can again."""
        Path(self.settings.bionic_storage).unlink()

    async def erase(self, db_session: AsyncSession) -> None:
        """The caller wants to be forgotten."""
        await CallRepository(db_session).end(self.room, "hung up")
        erasures = ErasureRepository(db_session)
        row, _ = await erasures.begin(Caller(call_ids=[self.call_id]), "tester")
        await erasures.erase(row.id, self.call_id)

    async def somebody_waits(self) -> bool:
        """Whether a transaction waits for another one."""
        async with self.database.begin() as db_session:
            waiting = text("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
            return bool((await db_session.execute(waiting)).scalar_one())

    async def rows(self) -> list[RecordingRow]:
        """What Postgres says."""
        async with self.database.begin() as db_session:
            return list(await RecordingRepository(db_session).of(self.call_id))


@pytest.fixture
async def world(database: Database, database_url: str, tmp_path: Path) -> World:
    """A call that is over."""
    folders = {"bionic_storage": str(tmp_path / "storage"), "bionic_spool": tmp_path / "spool"}
    settings = make_settings(database_url).model_copy(update=folders)
    call_id = uuid4()
    async with database.begin() as db_session:
        config = StoredConfig({"instructions": "Be kind."}, {})
        agent = await AgentRepository(db_session, database.box).create("A", f"a-{uuid4().hex[:8]}", config)
        await JoiningRepository(db_session).joined(JoinedAgent(call_id, agent.id, 1, f"call-{call_id}"))
    return World(database, settings, agent.id, call_id, f"call-{call_id}")


@pytest.fixture(scope="module")
def sound() -> bytes:
    """A second of it."""
    return encoded(np.full(48_000, 0.1, dtype=np.float32))


async def test_every_agents_recording_is_kept_once(world: World, sound: bytes) -> None:
    world.leaves(sound)
    world.leaves(sound[:-100], attempt=2, whole=False)
    await world.keeper.sweep()
    await world.keeper.sweep()
    first, second = await world.rows()
    assert (first.state, first.salvaged, first.size) == ("stored", False, len(sound))
    assert (second.state, second.salvaged) == ("stored", True)
    assert world.spool == []
    assert len(world.stored) == 2


async def test_while_the_storage_is_away_nothing_is_lost(world: World, sound: bytes) -> None:
    world.leaves(sound)
    world.block_storage()
    await world.keeper.sweep()
    assert len(world.spool) == 2
    (row,) = await world.rows()
    assert row.state == "storing"
    with pytest.raises(NotFound):
        await world.service.open(world.call_id, None, None, None)
    world.unblock_storage()
    await world.keeper.sweep()
    (row,) = await world.rows()
    assert row.state == "stored"
    assert world.spool == []


async def test_what_an_erased_call_left_in_the_spool_goes_nowhere(world: World, sound: bytes) -> None:
    """Its storage was away, or its host, when its caller wanted to be forgotten."""
    world.leaves(sound)
    async with world.database.begin() as db_session:
        erased = update(CallRow).where(CallRow.id == world.call_id).values(erased_at=func.now())
        await db_session.execute(erased)
    await world.keeper.sweep()
    assert (await world.rows(), world.spool, world.stored) == ([], [], [])


async def test_a_caller_who_is_erased_while_a_recording_is_measured_is_in_no_storage(
    world: World, sound: bytes
) -> None:
    """The host has looked whether they were, and finds it out as it notes where the file goes."""
    world.leaves(sound)
    async with world.database.begin() as db_session:
        await world.erase(db_session)
        sweep = asyncio.create_task(world.keeper.sweep())
        await eventually(world.somebody_waits, "the host, for the erasure")
    await sweep
    assert (await world.rows(), world.spool, world.stored) == ([], [], [])


@pytest.mark.parametrize("dies", [False, True])
async def test_a_caller_who_is_erased_while_a_recording_is_stored_is_in_no_storage(
    world: World, sound: bytes, monkeypatch: pytest.MonkeyPatch, *, dies: bool
) -> None:
    world.leaves(sound)
    put = Storage.put

    async def _put(storage: Storage, key: str, path: Path, content_type: str) -> None:
        async with world.database.begin() as db_session:
            await world.erase(db_session)
        while await world.service.sweep():
            pass  # nobody knows of the file any more
        await put(storage, key, path, content_type)
        if dies:
            raise OSError("the host dies")

    monkeypatch.setattr(Storage, "put", _put)
    await world.keeper.sweep()
    assert len(world.stored) == int(dies)
    await world.keeper.sweep()
    assert (await world.rows(), world.spool, world.stored) == ([], [], [])


@pytest.mark.parametrize("content", [b"", b"OggS"])
async def test_a_file_with_nothing_in_it_is_told_as_lost(world: World, content: bytes) -> None:
    world.leaves(content, whole=False)
    await world.keeper.sweep()
    (row,) = await world.rows()
    assert row.state == "lost"
    assert world.spool == world.stored == []


async def test_what_is_deleted_leaves_nothing_behind(world: World, sound: bytes) -> None:
    world.leaves(sound)
    await world.keeper.sweep()
    (row,) = await world.rows()
    world.leaves(sound, attempt=2)
    async with world.database.begin() as db_session:
        agents = AgentRepository(db_session, world.database.box)
        await agents.delete(await agents.get(str(world.agent_id)))
    while await world.service.sweep():
        pass
    assert world.stored == []
    async with world.database.begin() as db_session:
        assert await db_session.get(RecordingRow, row.id) is None
    # What lies in the spool has no call any more: some time later it goes as well.
    await world.keeper.sweep()
    assert len(world.spool) == 2
    long_ago = time.time() - STRANGER_SECONDS - 1
    for path in world.spool:
        os.utime(path, (long_ago, long_ago))
    await world.keeper.sweep()
    assert world.spool == []
