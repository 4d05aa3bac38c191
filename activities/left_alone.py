"""Calls that a host held when it was lost: each gets another agent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from temporalio import activity

from activities.call_reports import input_of
from db.engine import Database
from db.repositories.recoveries import CarriedCall, RecoveryRepository
from workflows.call_types import AgentLost
from workflows.call_wishes import CallNews

logger = logging.getLogger(__name__)

AT_ONCE = 16
"""Calls that are told of at the same time."""


@dataclass(frozen=True)
class LeftAlone:
    """Tells the workflows of calls that their agent went with its host. Raises as `CallNews` does."""

    database: Database
    news: CallNews
    patience_seconds: float

    async def by(self, host: str, process: str) -> int:
        """The calls of that process, which is lost; how many there were."""
        async with self.database.begin() as db_session:
            calls = await RecoveryRepository(db_session).on_host(host, process, gone=True)
        return await self._tell(host, calls, f"Host {host} is lost.")

    async def before(self, host: str, process: str) -> int:
        """The calls of the processes that had a host's name before this one, which are all gone."""
        async with self.database.begin() as db_session:
            calls = await RecoveryRepository(db_session).on_host(host, process, gone=False)
        return await self._tell(host, calls, f"The process of host {host} that held it is gone.")

    async def _tell(self, host: str, calls: Sequence[CarriedCall], reason: str) -> int:
        turn = asyncio.Semaphore(AT_ONCE)

        async def _one(call: CarriedCall) -> None:
            async with turn:
                if activity.in_activity():
                    activity.heartbeat(str(call.call_id))
                lost = AgentLost(call.attempt, reason, host=host)
                await self.news.agent_lost(input_of(call, self.patience_seconds), lost)

        results = await asyncio.gather(*(_one(each) for each in calls), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        if calls:
            logger.warning("calls were left alone by host %s: %d get another agent", host, len(calls))
        return len(calls)
