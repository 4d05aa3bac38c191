"""The installed command as a process of its own, against the real platform."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.keys import API_KEY_FILE
from tests.support.platform import Platform, offline_config

NOWHERE = {
    "url": "ws://127.0.0.1:9",
    "apiKey": "key",
    "apiSecret": "secret-of-thirty-two-characters-and-more",
}
BOUND = 60.0


@dataclass(frozen=True)
class Ended:
    """How the process ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


async def start(platform: Platform, folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    """The command in that folder, with none of this process's settings."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("BIONIC_")}
    return await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("bionic"),
        *arguments,
        cwd=folder,
        env=others | {"BIONIC_API_URL": platform.stack.api_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def end(process: asyncio.subprocess.Process) -> Ended:
    """How it ended: within a minute, and without a traceback."""
    async with asyncio.timeout(BOUND):
        out, err = await process.communicate()
    assert process.returncode is not None
    assert b"Traceback" not in err
    return Ended(process.returncode, out.decode(), err.decode())


Bionic = Callable[..., Awaitable[Ended]]


def in_folder(platform: Platform, folder: Path) -> Bionic:
    """Runs the command there."""

    async def command(*arguments: str) -> Ended:
        return await end(await start(platform, folder, *arguments))

    return command


def prepare(platform: Platform, folder: Path) -> Path:
    """Put a key there and two configs: one that works, and one whose LiveKit is not there."""
    (folder / ".bionic").mkdir()
    (folder / ".bionic" / API_KEY_FILE).write_text(platform.stack.api_key + "\n")
    (folder / "good.json").write_text(json.dumps(offline_config()))
    (folder / "nowhere.json").write_text(json.dumps(offline_config(livekitConfig=NOWHERE)))
    return folder


def new_slug() -> str:
    """Of an agent that no other test has."""
    return f"cli-{uuid.uuid4().hex[:8]}"
