"""Which programs are used: those on PATH when they are good enough, else our own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stack import build, toolchain
from stack.config import PROJECT, Service, StackConfig, StackError
from stack.prepare import prepare_servers
from stack.progress import Progress

pytestmark = pytest.mark.unit

WANTED = (1, 26)
BROKEN_SHIM = "#!/bin/sh\necho 'no version is set: install 99.1.1 first'\nexit 126\n"
OTHER_MACHINE = "\x7fELF for another kind of machine"


def says(text: str) -> str:
    """A program that says this, whatever it is asked."""
    return f"#!/bin/sh\necho '{text}'\n"


def place(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(script)
    path.chmod(0o755)
    return path


def content(path: str) -> str:
    return Path(path).read_text()


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the toolchains of our dependency groups are installed."""
    folder = tmp_path / "packaged"
    folder.mkdir()
    monkeypatch.setattr("stack.toolchain.sysconfig.get_path", lambda _: str(folder))
    return folder


@pytest.mark.parametrize("version", ["go1.26", "go1.26.8", "go1.100.2", "devel go1.27-1a2b3c4d"])
async def test_a_go_that_is_new_enough_is_used(programs: Path, version: str) -> None:
    found = place(programs, "go", says(f"go version {version} linux/amd64"))
    tool = await toolchain.go(WANTED)
    assert tool.path == str(found)
    assert tool.env["GOTOOLCHAIN"] == "local"


@pytest.mark.parametrize(
    "script", [says("go version go1.25.9 linux/amd64"), says(""), BROKEN_SHIM, OTHER_MACHINE]
)
async def test_a_go_that_will_not_do_is_passed_over(programs: Path, packaged: Path, script: str) -> None:
    place(programs, "go", script)
    ours = place(packaged, "go", says("go version go1.27.1 linux/amd64"))
    assert (await toolchain.go(WANTED)).path == str(ours)


async def test_a_missing_toolchain_is_installed(programs: Path, packaged: Path) -> None:
    place(programs, "uv", f'#!/bin/sh\necho "$@" > {packaged}/asked\n: > {packaged}/go\n')
    assert (await toolchain.go(WANTED)).path == str(packaged / "go")
    assert (packaged / "asked").read_text() == "sync --quiet --locked --inexact --group go\n"


async def test_a_toolchain_that_cannot_be_installed_is_told(programs: Path, packaged: Path) -> None:
    place(programs, "uv", "#!/bin/sh\necho no route to the index\nexit 2\n")
    with pytest.raises(StackError, match=r"(?s)go is not on PATH .*no route to the index"):
        await toolchain.go(WANTED)


async def test_npm_with_a_node_that_is_new_enough_is_used(programs: Path) -> None:
    place(programs, "node", says("v20.19.0"))
    npm = place(programs, "npm", says("10.8.2"))
    assert (await toolchain.npm()).path == str(npm)


@pytest.mark.parametrize("node", [says("v18.20.4"), BROKEN_SHIM, None])
async def test_npm_with_a_node_that_will_not_do_is_passed_over(
    programs: Path, packaged: Path, node: str | None
) -> None:
    place(programs, "npm", says("10.8.2"))
    if node is not None:
        place(programs, "node", node)
    ours = place(packaged, "npm", says("11.6.1"))
    tool = await toolchain.npm()
    assert tool.path == str(ours)
    assert tool.env["PATH"].split(os.pathsep)[0] == str(packaged)


async def test_servers_on_path_are_used_and_nothing_is_built(programs: Path) -> None:
    temporal, livekit = (place(programs, name, says("here")) for name in ("temporal", "livekit-server"))
    found = await prepare_servers(StackConfig(), Progress())
    assert (found.temporal, found.livekit) == (str(temporal), str(livekit))


async def test_a_server_that_is_not_on_path_is_the_built_one(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporal = place(programs, "temporal", says("here"))
    built = tmp_path / ".bionic" / "bin" / f"livekit-server-{build.LIVEKIT.fingerprint}"
    built.parent.mkdir(parents=True)
    built.touch()
    (tmp_path / "tools").symlink_to(PROJECT / "tools")
    monkeypatch.setattr(build, "PROJECT", tmp_path)
    found = await prepare_servers(StackConfig(services=frozenset(Service)), Progress())
    assert (found.temporal, found.livekit) == (str(temporal), str(built))


async def test_a_build_asks_for_the_go_of_its_modules(
    programs: Path, packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older one on PATH is passed over; `$6` is where the build puts the server."""
    place(programs, "go", says("go version go1.20.1 linux/amd64"))
    place(packaged, "go", '#!/bin/sh\necho "built with $0" > "$6"\n')
    (tmp_path / "tools").symlink_to(PROJECT / "tools")
    monkeypatch.setattr(build, "PROJECT", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = await build.server_binary(build.TEMPORAL, Progress())
    assert content(path) == f"built with {packaged}/go\n"
