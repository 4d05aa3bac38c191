"""Calls that come as LiveKit's documentation has it: by an agent's plain name, without a token of ours."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livekit import api

from tests.support.caller import Caller, calling
from tests.support.platform import Platform


@asynccontextmanager
async def calling_by_name(platform: Platform, slug: str) -> AsyncIterator[Caller]:
    """Somebody in a room of their own, for whom the agent was dispatched."""
    stack = platform.stack
    room = f"their-own-room-{uuid.uuid4()}"
    token = api.AccessToken(stack.livekit_api_key, stack.livekit_api_secret).with_identity("somebody")
    token = token.with_grants(api.VideoGrants(room_join=True, room=room))
    async with (
        calling(stack.livekit_url, token.to_jwt()) as caller,
        api.LiveKitAPI(stack.livekit_url, stack.livekit_api_key, stack.livekit_api_secret) as livekit,
    ):
        theirs = json.dumps({"theirs": True})
        request = api.CreateAgentDispatchRequest(agent_name=slug, room=room, metadata=theirs)
        await livekit.agent_dispatch.create_dispatch(request)
        yield caller
