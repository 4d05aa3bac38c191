"""What only the tests need: a browser, Compose to read the compose file, a proxy that fails when told to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from stack import toolchain
from stack.build import TOXIPROXY, server_binary
from stack.config import StackError
from stack.progress import Progress

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MAC_BROWSER = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
_INSTALL = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "--no-install-recommends")


async def ensure_test_tools(progress: Progress) -> None:
    """Install or build what is missing; raises `StackError` with the cure if it can't."""
    await _ensure(browser, "chromium", "Install Chromium or Google Chrome: the end-to-end tests drive it.")
    compose = await _compose()
    await _ensure(
        lambda: compose or shutil.which("docker-compose"),
        "docker-compose",
        "Install docker-compose (no Docker engine is needed): the tests read docker-compose.yml with it.",
    )
    await server_binary(TOXIPROXY, progress)


def browser() -> str | None:
    """A Chromium or Chrome on this machine; None when there is none."""
    for name in _BROWSERS:
        found = shutil.which(name)
        if found is not None:
            return found
    return str(_MAC_BROWSER) if _MAC_BROWSER.exists() else None


async def _compose() -> str | None:
    """Docker's own plug-in, where it is installed."""
    docker = shutil.which("docker")
    if docker and (await toolchain.run([docker, "compose", "version"]))[0] == 0:
        return docker
    return None


async def _ensure(find: Callable[[], str | None], package: str, cure: str) -> None:
    if find():
        return
    if shutil.which("apt-get") is None:
        raise StackError(f"{package} was not found. {cure}")
    sudo: list[str] = []
    if os.geteuid() != 0:
        sudo = ["sudo", "-n"]
        allowed = shutil.which("sudo") and (await toolchain.run([*sudo, "true"]))[0] == 0
        if not allowed:
            raise StackError(f"{package} was not found, and installing packages needs a password. {cure}")
    code, said = await toolchain.run([*sudo, *_INSTALL, package])
    if code != 0:
        await toolchain.run([*sudo, "apt-get", "update"])
        _, said = await toolchain.run([*sudo, *_INSTALL, package])
    if not find():
        raise StackError(f"{package} could not be installed. {cure}\n{said}")
