"""The machine and the versions that a figure belongs to."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

import psutil

from stack.config import PROJECT

_PACKAGES = ("livekit-agents", "livekit", "temporalio", "litestar", "sqlalchemy")
_SERVERS = {
    "livekit-server": "github.com/livekit/livekit-server",
    "temporal": "github.com/temporalio/cli",
}


def _cpu() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1) if found else platform.processor() or platform.machine()


def _system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = platform.system()
    return f"{name}, kernel {platform.release().split('-')[0]}"


def pinned(go_mod: str, module: str) -> str:
    """The version of a module that a `go.mod` requires."""
    found = re.search(rf"^(?:require )?\s*{re.escape(module)} v(\S+)", go_mod, re.MULTILINE)
    return found.group(1) if found else "of unknown version"


def describe() -> list[str]:
    """A few lines, good for the terminal and for Markdown."""
    memory = psutil.virtual_memory().total / 2**30
    servers = [
        f"{name} {pinned((PROJECT / 'tools' / name / 'go.mod').read_text(), module)}"
        for name, module in _SERVERS.items()
    ]
    busy = f"load {os.getloadavg()[0]:.1f} before the run"
    return [
        f"{_cpu()}, {os.cpu_count()} cores, {memory:.0f} GB, {_system()}; {busy}",
        f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
        ", ".join(servers),
    ]
