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
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MAC_BROWSER = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


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


def browser() -> str | None:
    """A Chromium or Chrome on this machine; None when there is none."""
    for name in _BROWSERS:
        found = shutil.which(name)
        if found is not None:
            return found
    return str(_MAC_BROWSER) if _MAC_BROWSER.exists() else None


async def ensure_browser() -> str:
    """A Chromium, installed from the system's packages when there is none and we may."""
    found = browser()
    if found is not None:
        return found
    cure = "Install Chromium or Google Chrome and put it on PATH; the end-to-end tests drive it."
    if shutil.which("apt-get") is None:
        raise StackError(f"No browser was found. {cure}")
    sudo: list[str] = []
    if os.geteuid() != 0:
        sudo = ["sudo", "-n"]
        allowed = shutil.which("sudo") and (await _run([*sudo, "true"]))[0] == 0
        if not allowed:
            raise StackError(
                f"No browser was found, and packages can't be installed without a password. {cure}"
            )
    install = [
        *sudo,
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "-y",
        "--no-install-recommends",
    ]
    code, said = await _run([*install, "chromium"])
    if code != 0:
        await _run([*sudo, "apt-get", "update"])
        _, said = await _run([*install, "chromium"])
    found = browser()
    if found is None:
        raise StackError(f"Chromium could not be installed. {cure}\n{said}")
    return found


async def _installed(group: str, program: str) -> Path:
    """A program of one of our dependency groups, installed when it is not there yet."""
    path = Path(sysconfig.get_path("scripts")) / program
    if not path.exists():
        uv = shutil.which("uv") or _bootstrapped_uv()
        code, said = await _run([uv, "sync", "--quiet", "--locked", "--inexact", "--group", group])
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


async def _run(command: list[str]) -> tuple[int, str]:
    """Exit code and output."""
    return await run_shown(command, PROJECT, None, lambda _: None)


async def _version(command: list[str]) -> tuple[int, ...]:
    """The first dotted number that the program says; (0,) when it says none."""
    _, said = await _run(command)
    found = re.search(r"(\d+(?:\.\d+)+)", said)
    return tuple(int(part) for part in found.group(1).split(".")) if found else (0,)
