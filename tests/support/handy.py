"""Agents that have a tool."""

from __future__ import annotations

from livekit.agents import Agent, JobContext, function_tool

from agents import call, entry

FOUND = "Order {number} left yesterday."


class Handy(Agent):
    """Can look for orders."""

    @function_tool
    async def find_order(self, number: int) -> str:
        """Find out where an order is.

        Args:
            number: the order's.
        """
        return FOUND.format(number=number)


async def hold(ctx: JobContext) -> None:
    """Hold a call with such an agent."""
    vars(call)["Agent"] = Handy  # a name that the module only imports
    await entry.hold_call(ctx)
