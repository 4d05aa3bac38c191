"""`make up` that does not come up: interrupted, refused, failed, left alone. It never leaves a process."""

from __future__ import annotations

import os
import re
import signal
import socket
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from stack.ports import free_ports
from tests.support.up import IS_UP, PYTHON, starting
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

DEAF = "#!/bin/sh\ntrap 'echo told to end' TERM\necho here\nwhile :; do sleep 1; done\n"
BROKEN = "#!/bin/sh\necho no such option\nexit 3\n"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all interrupted starts: each goes on from what the one before left."""
    return tmp_path_factory.mktemp("interrupted")


@pytest.mark.parametrize(
    "moment", [r"(postgres|temporal|livekit) │ ready", r"migrations │ done", r"control │ ready"]
)
async def test_ctrl_c_while_it_starts(state: Path, moment: str) -> None:
    async with starting(state, free_ports()) as up:
        await up.said(moment)
        up.interrupt()
        await up.said("everything is stopped")
        up.interrupt()
        assert await up.ended() == 0
        assert "Traceback" not in up.output
        assert not re.search(IS_UP, up.output)


async def test_ctrl_c_before_it_does_anything(state: Path) -> None:
    async with starting(state, free_ports(), python=(*PYTHON, "-X", "importtime")) as up:
        await up.said(r"import time: .*\bpydantic\b")
        up.interrupt()
        assert await up.ended() == 0
        assert "Traceback" not in up.output


@pytest.mark.parametrize("signals", [[], [signal.SIGHUP, signal.SIGTERM]])
async def test_it_stops_in_order_when_its_terminal_is_closed(
    tmp_path: Path, signals: list[signal.Signals]
) -> None:
    """Nobody reads what it says any more, and several others pass on to it that the terminal is gone."""
    async with starting(tmp_path, free_ports()) as up:
        await up.said(r"postgres │ ready")
        up.stop_reading()
        for number in signals:
            up.interrupt(number)
        assert await up.ended() == 0
    log = (tmp_path / "logs" / "postgres.log").read_text()
    assert log.splitlines()[-1].endswith("database system is shut down")


async def test_a_taken_port_is_told_with_its_holder_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        async with starting(tmp_path, replace(free_ports(), api=port)) as up:
            await up.said(rf"Port {port} \(API and console\) is taken by")
            assert f"taken by {psutil.Process().name()} (pid {os.getpid()})" in up.output
            assert "BIONIC_API_PORT=" in up.output
            assert await up.ended() == 1
    assert not (tmp_path / "postgres").exists()


async def test_ctrl_c_after_a_failure_does_not_hide_it(tmp_path: Path) -> None:
    """Servers from PATH: one does not start, so all are stopped again; another takes its time for it."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, script in {"temporal": DEAF, "livekit-server": BROKEN}.items():
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    state = tmp_path / "state"
    async with starting(state, free_ports(), variables={"PATH": path}) as up:

        async def is_stopping() -> bool:
            log = state / "logs" / "temporal.log"
            return log.exists() and "told to end" in log.read_text()

        await eventually(is_stopping, "the failed start being cleared away", seconds=60)
        up.interrupt()
        await up.said("once more to stop at once")
        up.interrupt()
        assert await up.ended() == 1
        await up.said(r"livekit ended: exit code 3\.")
        assert "no such option" in up.output
