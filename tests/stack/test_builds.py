"""Builds: done once, again when something changed, never half."""

from __future__ import annotations

import asyncio
import io
import shutil
import sys
from pathlib import Path

import pytest
from rich.console import Console

from stack import build, toolchain, webapps
from stack.config import StackError
from stack.progress import Progress, elapsed

pytestmark = pytest.mark.unit


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def progress(said: io.StringIO) -> Progress:
    return Progress(Console(file=said, width=100))


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout and a cache of their own, and a PATH without servers."""
    source = tmp_path / "checkout" / "tools" / "livekit-server"
    source.mkdir(parents=True)
    (source / "go.mod").write_text("module x\n\ngo 1.26\n")
    (source / "go.sum").write_text("")
    monkeypatch.setattr(build, "PROJECT", tmp_path / "checkout")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("stack.build.shutil.which", lambda _: None)
    return tmp_path


def use_compiler(monkeypatch: pytest.MonkeyPatch, code: str, folder: Path) -> None:
    """A `go` that is a small script; its arguments are those of the real one."""
    script = folder / "go"
    script.write_text(
        f"#!{sys.executable} -S\nimport pathlib, sys, time\nout = pathlib.Path(sys.argv[6])\n{code}"
    )
    script.chmod(0o755)

    async def go(wanted: tuple[int, ...]) -> toolchain.Tool:
        assert wanted == (1, 26)
        return toolchain.Tool(str(script), {})

    monkeypatch.setattr(toolchain, "go", go)


def content(path: str) -> str:
    return Path(path).read_text()


def another_checkout(elsewhere: Path) -> Path:
    """The same pins in another folder."""
    return Path(shutil.copytree(elsewhere / "checkout" / "tools", elsewhere / "second" / "tools")).parent


async def test_built_once_for_all_checkouts(
    elsewhere: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_compiler(monkeypatch, "out.write_text('server')", elsewhere)
    path = await build.server_binary(build.LIVEKIT, progress)
    assert content(path) == "server"
    assert path.startswith(str(elsewhere / "checkout"))
    monkeypatch.setattr(build, "PROJECT", another_checkout(elsewhere))
    use_compiler(monkeypatch, "sys.exit('built twice')", elsewhere)
    other = await build.server_binary(build.LIVEKIT, progress)
    assert other != path
    assert content(other) == "server"


async def test_other_pins_are_another_build(elsewhere: Path) -> None:
    before = build.LIVEKIT.fingerprint
    (build.LIVEKIT.source / "go.sum").write_text("changed")
    assert build.LIVEKIT.fingerprint != before


async def test_failed_build_says_why_and_leaves_nothing(
    elsewhere: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_compiler(monkeypatch, "out.write_text('half'); print('undefined: x'); sys.exit(1)", elsewhere)
    with pytest.raises(StackError, match="undefined: x"):
        await build.server_binary(build.LIVEKIT, progress)
    assert [path.name for path in (elsewhere / "cache").rglob("*") if path.is_file()] == [
        "livekit-server.lock"
    ]


async def test_interrupted_build_leaves_nothing(
    elsewhere: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_compiler(monkeypatch, "out.write_text('half'); time.sleep(600)", elsewhere)
    task = asyncio.create_task(build.server_binary(build.LIVEKIT, progress))
    async with asyncio.timeout(10):
        while not list((elsewhere / "cache").rglob("*.new")):  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not list((elsewhere / "cache").rglob("*.new"))
    assert not (elsewhere / "checkout" / ".bionic").exists()


def test_web_hash_follows_sources_only(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.ts").write_text("1")
    before = webapps.sources_hash(tmp_path)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "main.js").write_text("1")
    assert webapps.sources_hash(tmp_path) == before
    (tmp_path / "src" / "main.ts").write_text("2")
    assert webapps.sources_hash(tmp_path) != before


def test_plain_progress_is_two_lines(progress: Progress, said: io.StringIO) -> None:
    with progress.task("Building it") as task:
        for number in range(100):
            task.detail(f"package {number}")
    assert said.getvalue().splitlines() == ["Building it", "Building it: done in 0 s"]


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (185, "3:05")])
def test_elapsed(seconds: float, text: str) -> None:
    assert elapsed(seconds) == text
