"""One child process in a process group of its own, its output read line by line, its end certain."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_MAX_LINE = 16 * 1024
"""Bytes; a longer line is cut so that one process can't fill the memory."""

_GONE_SECONDS = 2.0
"""How long killed processes may take to disappear before we stop looking."""


def _die_with_parent(number: int) -> Callable[[], None] | None:
    """What a child does before it becomes the program: ask Linux for a signal when the supervisor dies."""
    libc = _LIBC
    if libc is None:
        return None

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)

    return ask


class ChildProcess:
    """A running program. Made by `spawn`; whoever makes it awaits `stop` or `wait` and then `close`."""

    def __init__(self, process: asyncio.subprocess.Process, pump: asyncio.Task[None]) -> None:
        self._process = process
        self._pump = pump

    @classmethod
    async def spawn(
        cls,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        on_line: Callable[[str], None],
        stop_signal: signal.Signals = signal.SIGTERM,
        user: str | None = None,
        umask: int = -1,
    ) -> ChildProcess:
        """Starts the program; raises `OSError` when it can't be started. `umask` -1 keeps ours.

        A new session keeps the terminal's Ctrl-C away from the child: only the supervisor hears it, and stops
        the services in order.
        """
        reader, writer = os.pipe()
        # Our own pipe instead of asyncio's: waiting for the process then never waits for a grandchild that
        # still holds the other end.
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=dict(env),
                cwd=cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                start_new_session=True,
                preexec_fn=_die_with_parent(stop_signal),
                user=user,
                umask=umask,
                group=None if user is None else _group_of(user),
                extra_groups=None if user is None else [],
            )
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        name = Path(command[0]).name
        return cls(process, asyncio.create_task(_read_lines(reader, on_line), name=f"output of {name}"))

    @property
    def pid(self) -> int:
        """Also the id of its process group."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative for the signal that killed it."""
        return self._process.returncode

    async def wait(self) -> int:
        """Waits until the program itself has ended."""
        return await self._process.wait()

    def send(self, number: int) -> None:
        """Signals the program alone; harmless when it has ended."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill_group(self) -> None:
        """SIGKILL for the program and everything that it started; harmless when all have ended."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def stop(
        self, number: signal.Signals, seconds: float, *, repeat_after: float | None = None
    ) -> None:
        """Asks the program to end, and kills it after `seconds`. See `close` for what it leaves.

        `repeat_after`: seconds until the signal is sent again; for some servers the second one means "now".
        """
        self.send(number)
        if repeat_after is not None and not await self._ended_within(repeat_after):
            self.send(number)
        if not await self._ended_within(seconds):
            self.kill_group()
            await self.wait()

    async def _ended_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """After the end: kills what is left of the group, and takes the last lines."""
        self.kill_group()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GONE_SECONDS):
                while _group_lives(self.pid):  # noqa: ASYNC110 - the system sends no event for this
                    await asyncio.sleep(0.02)
        done, _ = await asyncio.wait({self._pump}, timeout=1.0)
        if not done:
            self._pump.cancel()
            await asyncio.wait({self._pump})


def _group_lives(group: int) -> bool:
    """Whether a process of the group still runs. Those that nobody has buried yet hold nothing."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return any(_lives_in(group, process) for process in psutil.process_iter())


def _lives_in(group: int, process: psutil.Process) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, PermissionError, psutil.Error):
        return False


def _group_of(user: str) -> int:
    import pwd  # noqa: PLC0415 - only where processes have users

    return pwd.getpwnam(user).pw_gid


async def _read_lines(fd: int, on_line: Callable[[str], None]) -> None:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, "rb", buffering=0)
    )
    rest = b""
    try:
        while chunk := await reader.read(64 * 1024):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _MAX_LINE:
                lines, rest = [*lines, rest[:_MAX_LINE]], b""
            for line in lines:
                on_line(line[:_MAX_LINE].decode(errors="replace").rstrip())
        if rest:
            on_line(rest.decode(errors="replace").rstrip())
    finally:
        transport.close()


def describe_exit(code: int) -> str:
    """`exit code 1` or `killed by SIGKILL`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
