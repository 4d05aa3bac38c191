"""`python -m stack up` as the process that a person starts, reads and interrupts."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil

from stack.config import PORT_VARIABLES, PROJECT, Ports, is_setting
from tests.support.waiting import eventually

PYTHON = (sys.executable,)
IS_UP = r"Bionic Agents is up \(\d+ s\)"

START_SECONDS = 150.0
"""For a start that takes ten seconds where nothing else runs."""

STOP_SECONDS = 45.0
_MARK = "STARTED_FOR_TEST"


class Up:
    """The process, what it said so far, and whatever it started."""

    def __init__(self, process: asyncio.subprocess.Process, state: Path, mark: str) -> None:
        self._process = process
        self._state = state
        self._mark = mark
        self.lines: list[str] = []
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.lines.append(line.decode().rstrip())

    @property
    def pid(self) -> int:
        """Of the supervisor."""
        return self._process.pid

    @property
    def output(self) -> str:
        """Everything that it said."""
        return "\n".join(self.lines)

    async def said(self, pattern: str, seconds: float = START_SECONDS) -> re.Match[str]:
        """The first place in its output that matches; fails when it ends without saying so."""

        async def look() -> re.Match[str] | None:
            done = self._reader.done()
            found = re.search(pattern, self.output)
            assert found or not done, f"ended without saying {pattern!r}:\n{self.output}"
            return found

        try:
            return await eventually(look, f"saying {pattern!r}", seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output}") from None

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """Signals the supervisor alone; harmless when it has ended."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def stop_reading(self) -> None:
        """The terminal is closed, or the program that reads its output has ended."""
        self._process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]

    async def ended(self, seconds: float = STOP_SECONDS) -> int:
        """Its exit code; fails unless it ends in time and nothing that it started is left."""
        code = await self.code(seconds)

        async def nothing_left() -> bool:
            return not await asyncio.to_thread(self.processes)

        # The database's own children see for themselves that a killed server is gone.
        with suppress(AssertionError):
            await eventually(nothing_left, "nothing left", seconds=10)
        assert self.processes() == []
        return code

    async def code(self, seconds: float = STOP_SECONDS) -> int:
        """Its exit code; fails unless it ends in time."""
        try:
            async with asyncio.timeout(seconds):
                code = await self._process.wait()
                await self._reader
        except TimeoutError:
            raise AssertionError(f"still there after {seconds:g} s:\n{self.output}") from None
        return code

    def processes(self) -> list[psutil.Process]:
        """Every process that came from this start, whoever its parent is now, and the database's children.

        Those write their titles over their environment, but stay in the folder of the data.
        """
        return _running(lambda process: self._is_marked(process) or self._is_at_home(process))

    def _is_marked(self, process: psutil.Process) -> bool:
        return process.environ().get(_MARK) == self._mark

    def _is_at_home(self, process: psutil.Process) -> bool:
        return Path(process.cwd()).is_relative_to(self._state)

    def service(self, module: str) -> psutil.Process | None:
        """The process of `python -m module`; None while there is none."""
        for process in self.processes():
            with suppress(psutil.Error):
                if process.cmdline()[1:3] == ["-m", module]:
                    return process
        return None

    async def clean_up(self) -> None:
        """Ends it in order if it runs, and then whatever is left."""
        if self._process.returncode is None:
            self.interrupt()
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._process.wait()
        for process in _running(self._is_marked):
            with suppress(psutil.Error):
                process.kill()
        await self._process.wait()
        self._reader.cancel()
        await asyncio.wait({self._reader})


def _running(wanted: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it has ended, or belongs to another user
            if process.status() != psutil.STATUS_ZOMBIE and wanted(process):
                found.append(process)
    return found


def _as_in_a_terminal() -> None:
    """Under `nohup` the tests ignore a hangup, and what they start would inherit that."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@asynccontextmanager
async def starting(
    state: Path,
    ports: Ports,
    *arguments: str,
    python: Sequence[str] = PYTHON,
    variables: Mapping[str, str] | None = None,
) -> AsyncIterator[Up]:
    """`python -m stack up` with this state and these ports, until the block ends."""
    mark = uuid.uuid4().hex
    inherited = {name: value for name, value in os.environ.items() if not is_setting(name)}
    chosen = {variable: str(getattr(ports, name)) for name, variable in PORT_VARIABLES.items()}
    process = await asyncio.create_subprocess_exec(
        *python,
        *("-m", "stack", "up", "--state", str(state), *arguments),
        cwd=PROJECT,
        env={**inherited, **chosen, **(variables or {}), _MARK: mark},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        preexec_fn=_as_in_a_terminal,
    )
    up = Up(process, state, mark)
    try:
        yield up
    finally:
        await up.clean_up()
