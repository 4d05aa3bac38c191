"""Compilers and browsers: from PATH when they are good enough, else from packages."""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stack.config import PROJECT, StackError
from stack.shown import run_shown

Show = Callable[[str], None]
"""Takes what a tool says, line by line."""

MIN_NODE = (20, 19)


@dataclass(frozen=True)
class Tool:
    """A program and the environment it needs."""

    path: str
    env: dict[str, str]


async def go(wanted: tuple[int, ...]) -> Tool:
    """A Go of at least that version; raises `StackError` when none can be had."""
    found = shutil.which("go")
    if found is None or await _version([found, "version"]) < wanted:
        found = str(await _installed("go", "go"))
    env = dict(os.environ)
    # No other compiler is fetched behind our back, and no C compiler is needed.
    env |= {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    return Tool(found, env)


async def npm() -> Tool:
    """An npm with a Node that the console can be built with."""
    node, found = shutil.which("node"), shutil.which("npm")
    if node is None or found is None or await _version([node, "--version"]) < MIN_NODE:
        found = str(await _installed("node", "npm"))
    # npm's scripts call `node` by name: ours must be the first they find.
    path = os.pathsep.join([str(Path(found).parent), os.environ.get("PATH", "")])
    return Tool(found, {**os.environ, "PATH": path})


async def _installed(group: str, program: str) -> Path:
    """A program of one of our dependency groups, installed when it is not there yet."""
    path = Path(sysconfig.get_path("scripts")) / program
    if not path.exists():
        uv = shutil.which("uv") or _bootstrapped_uv()
        code, said = await run([uv, "sync", "--quiet", "--locked", "--inexact", "--group", group])
        if code != 0 or not path.exists():
            raise StackError(
                f"{program} is not on PATH and could not be installed with `uv sync --group {group}`. "
                f"Check the network, or install it yourself.\n{said}"
            )
    return path


def _bootstrapped_uv() -> str:
    found = os.environ.get("UV") or str(PROJECT / ".bionic" / "bootstrap" / "bin" / "uv")
    if not Path(found).exists():
        raise StackError(f"uv was not found; {sys.executable} can't install the toolchain. Use `make up`.")
    return found


async def run(command: list[str]) -> tuple[int, str]:
    """Exit code and output."""
    return await run_shown(command, PROJECT, None, lambda _: None)


async def _version(command: list[str]) -> tuple[int, ...]:
    """The first dotted number that the program says; (0,) when it does not run or says none."""
    try:
        code, said = await run(command)
    except OSError:  # made for another kind of machine
        return (0,)
    # Version managers have programs that stand for one that is not there; what they say names versions too.
    found = re.search(r"(\d+(?:\.\d+)+)", said) if code == 0 else None
    return tuple(int(part) for part in found.group(1).split(".")) if found else (0,)
