"""Flow 9: a caller talks with the agent over LiveKit, in both directions."""

from __future__ import annotations

import pytest

from tests.support.caller import calling
from tests.support.platform import ANSWER, ORDER, Platform

pytestmark = pytest.mark.integration


async def test_a_spoken_question_gets_a_spoken_answer(platform: Platform) -> None:
    agent = await platform.deployed("flow9")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")
        frames = caller.audio_frames
        await caller.asks(ORDER, ANSWER)
        assert caller.audio_frames > frames
    await platform.stop(agent["id"])
