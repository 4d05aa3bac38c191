"""A second LiveKit server, as one that an agent's owner runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from stack import free_ports
from stack.config import Service, StackConfig
from stack.embedded import Stack


@asynccontextmanager
async def other_livekit(folder: Path, key: str, secret: str, tells: Stack) -> AsyncIterator[Stack]:
    """One with a key of its own until the block ends; its webhooks go to the platform `tells`."""
    config = StackConfig(
        state_dir=folder,
        ports=replace(free_ports(), api=tells.config.ports.api),
        services=frozenset({Service.LIVEKIT}),
        env={"LIVEKIT_API_KEY": key, "LIVEKIT_API_SECRET": secret},
    )
    async with Stack(config) as other:
        yield other
