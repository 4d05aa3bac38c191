"""Which agents a host asks Temporal for: as many as it has slots, and none while it is cordoned."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from temporalio.worker import (
    CustomSlotSupplier,
    FixedSizeSlotSupplier,
    SlotMarkUsedContext,
    SlotPermit,
    SlotReleaseContext,
    SlotReserveContext,
    WorkerTuner,
)

from activities.door import Door

OTHER_SLOTS = 5
"""Of workflows and the like, which the worker has none of."""


class AgentSlots(CustomSlotSupplier):
    """Gives out slots while the door is open.

    A worker takes a slot before it asks for an agent. What it had asked for before the door was shut may
    still come, for about a minute: `host_agent` sends that away.
    """

    def __init__(self, door: Door, slots: int) -> None:
        self._door = door
        self._free = asyncio.Semaphore(slots)
        self._loop = asyncio.get_running_loop()

    async def reserve_slot(self, ctx: SlotReserveContext) -> SlotPermit:  # noqa: ARG002 - the SDK's signature
        """Wait for a slot."""
        while True:
            await self._door.open.wait()
            await self._free.acquire()
            if self._door.open.is_set():
                return SlotPermit()
            self._free.release()

    def try_reserve_slot(self, ctx: SlotReserveContext) -> SlotPermit | None:  # noqa: ARG002 - as above
        """For activities of the worker's own workflows, of which there are none."""
        return None

    def mark_slot_used(self, ctx: SlotMarkUsedContext) -> None:
        """Nothing to do."""

    def release_slot(self, ctx: SlotReleaseContext) -> None:  # noqa: ARG002 - as above
        """Have it back. Called on a thread of the SDK's own."""
        with suppress(RuntimeError):  # the loop is closed: the host has ended
            self._loop.call_soon_threadsafe(self._free.release)


def agent_slots(door: Door, slots: int) -> WorkerTuner:
    """For the worker that takes agents."""
    others = FixedSizeSlotSupplier(OTHER_SLOTS)
    return WorkerTuner.create_composite(
        workflow_supplier=others,
        activity_supplier=AgentSlots(door, slots),
        local_activity_supplier=others,
        nexus_supplier=others,
    )
