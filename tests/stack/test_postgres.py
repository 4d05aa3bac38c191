"""The embedded database server, for real."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import psutil
import pytest

from stack import Service, Stack, StackConfig, StackError, free_ports
from stack.postgres import EmbeddedPostgres, socket_dir
from tests.support.waiting import eventually

ONLY_POSTGRES = frozenset({Service.POSTGRES})


@pytest.mark.unit
def test_socket_path_is_short_however_deep_the_folder(tmp_path: Path) -> None:
    deep = tmp_path / "/".join(["a-rather-long-folder-name"] * 6)
    assert len(str(socket_dir(deep) / ".s.PGSQL.5432")) <= 103
    assert socket_dir(deep) == socket_dir(deep)
    assert socket_dir(deep) != socket_dir(deep / "other")
    assert socket_dir(Path("/short")) == Path("/short/run")


async def _query(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url.replace("/liveagents", "/postgres"))
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


@pytest.mark.integration
async def test_data_survives_kill_and_restart_in_a_deep_folder(tmp_path: Path) -> None:
    deep = tmp_path / "/".join(["a-rather-long-folder-name"] * 6)
    config = StackConfig(state_dir=deep, ports=free_ports(), services=ONLY_POSTGRES)
    async with Stack(config) as stack:
        await _query(stack.database_url, "CREATE TABLE kept (n int)")
        await _query(stack.database_url, "INSERT INTO kept VALUES (7)")
        await stack.restart("postgres")
        assert await _query(stack.database_url, "SELECT n FROM kept") == 7
        stack.kill("postgres", signal.SIGKILL)
        with pytest.raises(StackError, match="already"):
            await Stack(config).__aenter__()
    folder = socket_dir(deep)
    assert not folder.exists()
    async with Stack(config) as stack:
        assert await _query(stack.database_url, "SELECT n FROM kept") == 7
        assert await _query(stack.database_url, "SHOW listen_addresses") == ""
        assert folder.stat().st_mode & 0o077 == 0


def _goes_on(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.integration
async def test_what_a_killed_server_left_working_does_not_keep_the_next_one_out(tmp_path: Path) -> None:
    config = StackConfig(state_dir=tmp_path, ports=free_ports(), services=ONLY_POSTGRES)
    async with Stack(config) as stack:
        connection = await asyncpg.connect(stack.database_url.replace("/liveagents", "/postgres"))
        orphan = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()"))
        orphan.suspend()  # as good as busy: it does not look up to see that its server is gone
        try:
            stack.kill("postgres", signal.SIGKILL)

            async def back() -> bool:
                with suppress(OSError, asyncpg.PostgresError):
                    return await _query(stack.database_url, "SELECT 1") == 1
                return False

            await eventually(back, "the database after its server was killed", seconds=30)
            assert not _goes_on(orphan)
        finally:
            connection.terminate()
            with suppress(psutil.NoSuchProcess):
                orphan.kill()


@pytest.mark.integration
async def test_nothing_of_a_killed_server_outlives_its_stack(tmp_path: Path) -> None:
    config = StackConfig(state_dir=tmp_path, ports=free_ports(), services=ONLY_POSTGRES)
    async with Stack(config) as stack:
        connection = await asyncpg.connect(stack.database_url.replace("/liveagents", "/postgres"))
        orphan = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()"))
        orphan.suspend()
        stack.hurry()
    connection.terminate()
    assert not _goes_on(orphan)


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[int]:
    """The pid of a process that is no database, of the user who runs ours."""
    user = EmbeddedPostgres(tmp_path).user
    process = subprocess.Popen(["sleep", "600"], user=user)
    yield process.pid
    process.kill()
    process.wait()


@pytest.mark.integration
async def test_locks_of_a_dead_server_whose_pid_someone_else_has_are_nobodys(
    tmp_path: Path, stranger: int
) -> None:
    config = StackConfig(state_dir=tmp_path, ports=free_ports(), services=ONLY_POSTGRES)
    locks = [tmp_path / "postgres" / "postmaster.pid", socket_dir(tmp_path) / ".s.PGSQL.5432.lock"]
    async with Stack(config) as stack:
        before = {lock: (lock.read_text().splitlines(keepends=True), lock.stat()) for lock in locks}
        await stack.stop("postgres")
        for lock, (lines, owner) in before.items():
            lock.write_text("".join([f"{stranger}\n", *lines[1:]]))
            os.chown(lock, owner.st_uid, owner.st_gid)
        await stack.start("postgres")
        assert await _query(stack.database_url, "SELECT 1") == 1
