"""The real thing for every test that asks for it: one stack for the whole run."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from stack import free_ports
from stack.config import StackConfig
from stack.embedded import Stack
from tests.support.platform import Platform


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Postgres, Temporal, LiveKit, API, control worker and runtime host on ports of their own."""
    config = StackConfig(
        state_dir=tmp_path_factory.mktemp("stack"),
        ports=free_ports(),
        env={"BIONIC_DRAIN_SECONDS": "5"},
    )
    async with Stack(config) as running:
        await running.wait_healthy(60)
        yield running


@pytest.fixture(scope="session")
async def platform(stack: Stack) -> AsyncIterator[Platform]:
    """What a person does with the stack: through the API, as any client."""
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    async with httpx.AsyncClient(base_url=stack.api_url, headers=headers, timeout=20) as http:
        yield Platform(stack, http)
