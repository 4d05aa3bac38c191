"""Everything that a stack needs before it can start: built servers and web apps."""

from __future__ import annotations

from stack.build import LIVEKIT, TEMPORAL, server_binary
from stack.config import Service, StackConfig
from stack.progress import Progress
from stack.services import Binaries
from stack.webapps import build_web


async def prepare_servers(config: StackConfig, progress: Progress) -> Binaries:
    """The servers that this stack runs; built when they are nowhere. Raises `StackError`."""
    return Binaries(
        temporal=await server_binary(TEMPORAL, progress) if config.runs(Service.TEMPORAL) else "",
        livekit=await server_binary(LIVEKIT, progress) if config.runs(Service.LIVEKIT) else "",
    )


async def prepare_all(config: StackConfig, progress: Progress) -> None:
    """Servers and web apps, so that the next start takes seconds."""
    await prepare_servers(config, progress)
    await build_web(progress)
