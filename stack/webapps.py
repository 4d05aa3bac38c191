"""The web apps (console, widget): built once with npm, again when their sources change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from stack import toolchain
from stack.config import PROJECT, StackError
from stack.keys import write_private
from stack.progress import Progress
from stack.shown import run_shown

WEB = PROJECT / "web"
_STAMPS = PROJECT / ".bionic" / "web"
_MADE = {"node_modules", "dist", ".vite", "coverage", "test-results", "playwright-report"}
"""Folders that are results, not sources."""


def web_apps() -> list[Path]:
    """Folders in `web/` with a package that can be built."""
    return [
        package.parent
        for package in sorted(WEB.glob("*/package.json"))
        if "build" in json.loads(package.read_text()).get("scripts", {})
    ]


def sources_hash(app: Path) -> str:
    """Changes when any source of the app does."""
    digest = hashlib.sha256()
    for path in _sources(app):
        digest.update(f"{path.relative_to(app)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if path.name not in _MADE and not path.is_symlink():
                yield from _sources(path)
        elif path.is_file() and not path.name.endswith(".tsbuildinfo"):
            yield path


async def build_web(progress: Progress) -> None:
    """Builds every web app whose result is missing or older than its sources. Raises `StackError`."""
    apps = web_apps()
    if not apps:
        progress.note("There is no web console in this checkout: only the API is served.")
    for app in apps:
        wanted = sources_hash(app)
        stamp = _STAMPS / app.name
        if (app / "dist").is_dir() and _read(stamp) == wanted:
            continue
        with progress.task(f"Building web/{app.name}") as task:
            await install_packages(app, task.detail)
            await _npm(app, ["run", "build"], task.detail)
        # Hashed again: a build may format or generate a source.
        write_private(stamp, sources_hash(app))


async def run_script(app: Path, script: str, progress: Progress) -> None:
    """Runs one of the app's scripts with its packages installed. Raises `StackError`."""
    if not (app / "package.json").exists():
        progress.note(f"{app.relative_to(PROJECT)} is not there: `{script}` is skipped.")
        return
    with progress.task(f"npm run {script} in {app.relative_to(PROJECT)}") as task:
        await install_packages(app, task.detail)
        await _npm(app, ["run", script], task.detail)


async def install_packages(app: Path, show: toolchain.Show) -> None:
    """`npm ci`, unless exactly these packages are installed already."""
    lock = app / "package-lock.json"
    if not lock.exists():
        raise StackError(f"{lock.relative_to(PROJECT)} is missing. Run `npm install` there and commit it.")
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = app / "node_modules" / ".installed-lock"
    if _read(stamp) == wanted:
        return
    await _npm(app, ["ci", "--no-audit", "--no-fund"], show)
    stamp.write_text(wanted)


async def _npm(app: Path, arguments: list[str], show: toolchain.Show) -> None:
    tool = await toolchain.npm()
    code, last_lines = await run_shown([tool.path, *arguments], app, tool.env, show, keep=200)
    if code != 0:
        raise StackError(f"`npm {' '.join(arguments)}` failed in {app.relative_to(PROJECT)}:\n{last_lines}")


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
