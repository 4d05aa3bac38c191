"""The servers, built once from pinned Go modules and kept for every checkout of this user."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import platform
import re
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from stack import toolchain
from stack.config import PROJECT, StackError
from stack.progress import Progress
from stack.shown import run_shown

_WAIT_SECONDS = 3600.0
"""How long a build of the same server by another process is waited for."""


@dataclass(frozen=True)
class Server:
    """A server that we build: its folder in `tools/` and the package with its `main`."""

    name: str
    package: str
    minutes: str

    @property
    def source(self) -> Path:
        """The folder with `go.mod` and `go.sum`."""
        return PROJECT / "tools" / self.name

    @property
    def fingerprint(self) -> str:
        """Changes when the pinned versions or the machine's kind do."""
        digest = hashlib.sha256(f"{self.package} {sys.platform} {platform.machine()}".encode())
        for name in ("go.mod", "go.sum"):
            digest.update((self.source / name).read_bytes())
        return digest.hexdigest()[:16]


LIVEKIT = Server("livekit-server", "github.com/livekit/livekit-server/cmd/server", "about 3 minutes")
TEMPORAL = Server("temporal", "github.com/temporalio/cli/cmd/temporal", "about 5 minutes")
TOXIPROXY = Server("toxiproxy", "github.com/Shopify/toxiproxy/v2/cmd/server", "some seconds")
"""For the tests alone: it stands before a server and takes it away when it is told to."""


def user_cache() -> Path:
    """Where built servers are shared between checkouts."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "bionic-agents" / "bin"


async def server_binary(server: Server, progress: Progress) -> str:
    """Path of the server: from PATH, else one built before, else built now. Raises `StackError`."""
    found = shutil.which(server.name)
    if found is not None:
        return found
    target = PROJECT / ".bionic" / "bin" / f"{server.name}-{server.fingerprint}"
    if target.exists():
        return str(target)
    cached = user_cache() / server.fingerprint / server.name
    cached.parent.mkdir(parents=True, exist_ok=True)
    async with _exclusive(cached.with_name(server.name + ".lock"), progress):
        if not cached.exists():
            await _build(server, cached, progress)
    target.parent.mkdir(parents=True, exist_ok=True)
    _place(cached, target)
    return str(target)


@asynccontextmanager
async def _exclusive(path: Path, progress: Progress) -> AsyncIterator[None]:
    """Two checkouts that start at once build once: the second waits."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _try_lock(fd):
            progress.note(f"Another checkout is building {path.stem}; waiting for it.")
            async with asyncio.timeout(_WAIT_SECONDS):
                while not _try_lock(fd):  # noqa: ASYNC110 - a file lock sends no event
                    await asyncio.sleep(0.5)
        yield
    finally:
        os.close(fd)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _place(cached: Path, target: Path) -> None:
    """Links the file into the checkout, or copies it when that is on another disk."""
    fresh = target.with_name(f"{target.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    try:
        os.link(cached, fresh)
    except OSError:
        shutil.copy2(cached, fresh)
    fresh.replace(target)


async def _build(server: Server, target: Path, progress: Progress) -> None:
    """Builds into a temporary name and renames: an interrupted build leaves nothing half."""
    tool = await toolchain.go(_wanted_go(server))
    fresh = target.with_name(f"{target.name}.{os.getpid()}.new")
    command = [tool.path, "build", "-v", "-trimpath", "-ldflags=-s -w", "-o", str(fresh), server.package]
    with progress.task(f"Building {server.name} ({server.minutes}, once)") as task, _removed(fresh):
        code, last_lines = await run_shown(command, server.source, tool.env, task.detail)
        if code != 0:
            raise StackError(f"{server.name} could not be built with {tool.path}:\n{last_lines}")
        fresh.replace(target)


@contextmanager
def _removed(path: Path) -> Iterator[None]:
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _wanted_go(server: Server) -> tuple[int, ...]:
    found = re.search(r"^go (\d+(?:\.\d+)+)$", (server.source / "go.mod").read_text(), re.MULTILINE)
    return tuple(int(part) for part in found.group(1).split(".")) if found else (1, 26)
