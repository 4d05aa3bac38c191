"""Runs a build tool whose output is shown as one changing line, and kept for the case that it fails."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stack.process import ChildProcess

_BUILD_SECONDS = 3600.0


async def run_shown(
    command: Sequence[str],
    cwd: Path,
    env: Mapping[str, str] | None,
    show: Callable[[str], None],
    user: str | None = None,
    keep: int = 40,
) -> tuple[int, str]:
    """Runs the command to its end; returns its exit code and the last `keep` lines. Bounded by an hour.

    When it is cancelled, the tool and everything it started are killed.
    """
    lines: deque[str] = deque(maxlen=keep)

    def on_line(text: str) -> None:
        if text:
            lines.append(text)
            show(text)

    child = await ChildProcess.spawn(command, env=env or os.environ, cwd=cwd, on_line=on_line, user=user)
    try:
        async with asyncio.timeout(_BUILD_SECONDS):
            code = await child.wait()
    finally:
        child.kill_group()
        await child.wait()
        await child.close()
    return code, "\n".join(lines)
