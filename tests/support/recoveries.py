"""Callers whose agent is lost, and the next one."""

from __future__ import annotations

from tests.support.caller import Caller
from tests.support.platform import Json, Platform
from tests.support.waiting import eventually

COMEBACK = "Sorry, I was gone for a moment."


async def call_of(platform: Platform, call_id: str) -> Json:
    """A call as it is now."""
    found: Json = await platform.call("GET", f"/api/calls/{call_id}")
    return found


async def settled(platform: Platform, call_id: str) -> Json:
    """A call, once Postgres has heard that its agent is there."""

    async def look() -> Json | None:
        call = await call_of(platform, call_id)
        return call if call["status"] == "active" else None

    return await eventually(look, "the call active")


async def another_agent(caller: Caller, first: str, seconds: float) -> str:
    """The identity of the agent that comes instead of `first`."""

    async def look() -> str | None:
        return next((agent.identity for agent in caller.agents if agent.identity != first), None)

    return await eventually(look, "another agent in the room", seconds=seconds, every=0.005)
