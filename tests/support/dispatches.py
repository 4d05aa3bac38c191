"""What LiveKit was told of agents that were sent."""

from __future__ import annotations

from livekit import api

from agents.dispatch import Dispatch
from tests.support.platform import Platform


def livekit_of(platform: Platform) -> api.LiveKitAPI:
    """LiveKit's server API, as the platform uses it."""
    stack = platform.stack
    return api.LiveKitAPI(stack.livekit_url, stack.livekit_api_key, stack.livekit_api_secret)


async def dispatches(livekit: api.LiveKitAPI, room: str) -> list[Dispatch]:
    """What the agents were told that were sent to a room, and that LiveKit still knows."""
    known = await livekit.agent_dispatch.list_dispatch(room)
    return [said for each in known if (said := Dispatch.read(each.metadata))]
