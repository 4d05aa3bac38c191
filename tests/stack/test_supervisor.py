"""Supervision of tiny real processes: restarted when they die, gone when they are stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from stack.config import PROJECT, Service, StackConfig, StackError
from stack.guarding import Guard
from stack.logs import LogFile, Silent, is_trouble
from stack.service import ServiceSpec
from stack.supervisor import Supervised, Surroundings

pytestmark = pytest.mark.unit

STAY = "import time; print('here', flush=True); time.sleep(600)"
WITH_CHILD = """
    import subprocess, sys, time, pathlib
    child = subprocess.Popen([sys.executable, "-c", "import signal, time;"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"])
    pathlib.Path(sys.argv[1]).write_text(str(child.pid))
    time.sleep(600)
"""
DEAF = """
    import signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
"""

Make = Callable[..., Supervised]


class Notes(Silent):
    """Keeps what the supervisor said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest_asyncio.fixture
async def make(tmp_path: Path, notes: Notes) -> AsyncIterator[Make]:
    """Makes supervised processes, and stops them."""
    config = StackConfig(state_dir=tmp_path, backoff_seconds=(0.05, 0.1))
    guard = Guard()
    await guard.start()
    made: list[Supervised] = []

    def supervised(code: str, *arguments: str, **more: object) -> Supervised:
        command = (sys.executable, "-S", "-c", textwrap.dedent(code), *arguments)
        spec = ServiceSpec(Service.API, command, dict(os.environ), **more)  # type: ignore[arg-type]
        made.append(Supervised(spec, Surroundings(config, notes, guard)))
        return made[-1]

    yield supervised
    for one in made:
        await one.close()
    await guard.close()


async def eventually(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - other processes send no event
            await asyncio.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_crashed_process_is_restarted(make: Make, notes: Notes) -> None:
    service = make(STAY)
    await service.start()
    first = service.pid
    service.signal(signal.SIGKILL)
    await eventually(lambda: service.running and service.pid != first)
    assert service.starts == 2
    assert notes.said == ["api ended (killed by SIGKILL); starting it again in 0.05 s"]


async def test_pauses_grow_to_the_last(make: Make, notes: Notes) -> None:
    service = make("import time; time.sleep(0.05)")
    await service.start()
    await eventually(lambda: len(notes.said) >= 3)
    assert [note.rpartition(" in ")[2] for note in notes.said[:3]] == ["0.05 s", "0.1 s", "0.1 s"]


async def test_stop_takes_grandchildren_along(make: Make, tmp_path: Path) -> None:
    pid_file = tmp_path / "grandchild"
    service = make(WITH_CHILD, str(pid_file))
    await service.start()
    await eventually(lambda: pid_file.exists() and pid_file.read_text() != "")
    grandchild, parent = int(pid_file.read_text()), service.pid
    await service.stop()
    await eventually(lambda: gone(parent) and gone(grandchild), 2)


async def test_crash_takes_grandchildren_along(make: Make, tmp_path: Path) -> None:
    pid_file = tmp_path / "grandchild"
    service = make(WITH_CHILD, str(pid_file))
    await service.start()
    await eventually(lambda: pid_file.exists() and pid_file.read_text() != "")
    grandchild = int(pid_file.read_text())
    service.signal(signal.SIGKILL)
    await eventually(lambda: gone(grandchild))


async def test_deaf_process_is_killed_within_its_bound(make: Make) -> None:
    service = make(DEAF, stop_seconds=0.3)
    await service.start()
    pid = service.pid
    async with asyncio.timeout(3):
        await service.stop()
    assert gone(pid)
    assert not service.running


async def test_stopped_process_stays_stopped_and_starts_again(make: Make) -> None:
    service = make(STAY)
    await service.start()
    await service.stop()
    await asyncio.sleep(0.2)
    assert not service.running
    with pytest.raises(StackError, match="does not run"):
        _ = service.pid
    await service.start()
    assert service.running


async def test_start_that_never_succeeds_says_why(make: Make) -> None:
    async def never(_: int) -> bool:
        return False

    service = make("print('no such thing'); raise SystemExit(3)", ready=never, cure="Do this.")
    with pytest.raises(StackError, match="exit code 3") as caught:
        await service.start()
    assert "no such thing" in str(caught.value)
    assert "Do this." in str(caught.value)


async def test_start_is_bounded(make: Make) -> None:
    async def never(_: int) -> bool:
        return False

    service = make(STAY, ready=never, start_seconds=0.3)
    with pytest.raises(StackError, match="not ready"):
        await service.start()


async def test_one_shot_runs_to_its_end(make: Make) -> None:
    done = make("print('done')", one_shot=True)
    await done.start()
    assert done.starts == 1
    failing = make("raise SystemExit(2)", one_shot=True)
    with pytest.raises(StackError, match="exit code 2"):
        await failing.start()


async def test_stop_while_it_prepares(make: Make) -> None:
    async def long() -> None:
        await asyncio.sleep(600)

    service = make(STAY, prepare=long)
    starting = asyncio.create_task(service.start())
    await asyncio.sleep(0.05)
    async with asyncio.timeout(2):
        await service.stop()
    with pytest.raises((StackError, asyncio.CancelledError)):
        await starting


async def test_killed_supervisor_leaves_nothing(tmp_path: Path) -> None:
    code = f"""
        import asyncio, os, pathlib
        from stack.config import Service, StackConfig
        from stack.guarding import Guard
        from stack.logs import Silent
        from stack.service import ServiceSpec
        from stack.supervisor import Supervised, Surroundings

        async def main():
            guard = Guard()
            await guard.start()
            state = pathlib.Path({str(tmp_path)!r})
            child = {textwrap.dedent(WITH_CHILD)!r}
            command = ({sys.executable!r}, "-S", "-c", child, str(state / "grandchild"))
            spec = ServiceSpec(Service.API, command, dict(os.environ))
            service = Supervised(spec, Surroundings(StackConfig(state_dir=state), Silent(), guard))
            await service.start()
            (state / "child").write_text(str(service.pid))
            await asyncio.sleep(600)

        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    supervisor = subprocess.Popen(command, cwd=PROJECT)  # noqa: ASYNC220 - it must not be asyncio's child
    try:
        files = [tmp_path / "child", tmp_path / "grandchild"]
        await eventually(lambda: all(file.exists() and file.read_text() for file in files), 20)
    finally:
        supervisor.kill()
        supervisor.wait(10)
    pids = [int(file.read_text()) for file in files]
    await eventually(lambda: all(gone(pid) for pid in pids))


def test_log_files_are_bounded_and_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "api.log"
    log = LogFile(path, max_bytes=100)
    for number in range(50):
        log.write(f"line {number}")
    log.close()
    assert path.stat().st_size <= 100
    assert log.tail(2) == "line 48\nline 49"
    again = LogFile(path)
    again.close()
    assert path.read_text() == ""
    assert "line 49" in path.with_name("api.log.1").read_text()


@pytest.mark.parametrize(
    "line", ["2026 WARN livekit", "time=x level=ERROR msg=y", "FATAL:  no", "panic: oh", '{"level":"warn"}']
)
def test_trouble_is_seen(line: str) -> None:
    assert is_trouble(line)


@pytest.mark.parametrize(
    "line", ["INFO starting", "LOG:  database system is ready", 'INFO {"error": "none"}']
)
def test_no_trouble(line: str) -> None:
    assert not is_trouble(line)
