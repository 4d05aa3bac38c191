"""The embedded database server, for real."""

from __future__ import annotations

import signal
from pathlib import Path

import asyncpg
import pytest

from stack import Service, Stack, StackConfig, StackError, free_ports
from stack.postgres import socket_dir

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
