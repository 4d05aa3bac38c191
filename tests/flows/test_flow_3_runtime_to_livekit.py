"""Flow 3: the runtime connects agents to LiveKit, with the agent's own `livekitConfig` first."""

from __future__ import annotations

import pytest

from tests.support.caller import calling
from tests.support.platform import Platform

pytestmark = pytest.mark.integration


async def test_a_deployed_agent_joins_its_caller(platform: Platform) -> None:
    agent = await platform.deployed("flow3")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.agent()
        await caller.hears("Hello, how can I help?")
    await platform.stop(agent["id"])
