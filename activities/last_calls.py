"""Calls of a version that takes no new ones: while it still holds its last calls, it goes on with those that
lose their agent."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from db.engine import Database
from db.models import CallRow
from db.repositories.hosts import HostRepository
from db.repositories.recoveries import RecoveryRepository
from workflows.call_types import AgentLost
from workflows.policy import HEARTBEAT, HEARTBEAT_TIMEOUT

BACK_WITHIN = timedelta(seconds=45)
"""From the loss of an agent until nobody takes its call back: to miss a host takes time, and to boot one."""

LOOK_SECONDS = 0.25
"""Between two looks whether a host was heard of."""


@dataclass(frozen=True)
class LastCalls:
    """Finds out which version can go on with a call where none takes new ones."""

    database: Database

    async def version_for(self, call: CallRow, lost: AgentLost) -> int | None:
        """The version whose agent the call has lost, while it is there: by the word of its host, or because
        that is lost. Else it was stopped, and its host not said so yet."""
        async with self.database.begin() as db_session:
            recoveries = RecoveryRepository(db_session)
            version, alone = await recoveries.finishing(call), await recoveries.alone(call)
        told = lost.host is not None or (alone is not None and alone < BACK_WITHIN)
        return version if version is not None and (told or await self._is_host_lost(call)) else None

    async def _is_host_lost(self, call: CallRow) -> bool:
        """Whether the host that held a call is gone. Returns once it was heard of, or missed."""
        clock = asyncio.get_running_loop().time
        began, patience = clock(), HEARTBEAT_TIMEOUT + HEARTBEAT
        while call.host and clock() - began < patience.total_seconds():
            held = (call.host, call.host_process or "")
            async with self.database.begin() as db_session:
                hosts = HostRepository(db_session)
                silence, is_lost = await hosts.silence(*held), await hosts.is_lost(*held, HEARTBEAT_TIMEOUT)
            if is_lost or silence is None or silence.total_seconds() < clock() - began:
                return is_lost
            await asyncio.sleep(LOOK_SECONDS)
        return False
