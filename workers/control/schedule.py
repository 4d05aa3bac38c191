"""The schedule that starts the reconciler: there as long as a control worker is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError

from workflows.policy import CONTROL_QUEUE, RECONCILE, RECONCILE_EVERY, RECONCILE_TIMEOUT
from workflows.reconcile import ReconcileWorkflow
from workflows.reconcile_types import RoundInput

logger = logging.getLogger(__name__)

RPC_TIMEOUT = timedelta(seconds=5)
CATCH_UP = timedelta(seconds=10)
"""A round that was missed is not made up for: the next one finds the same."""

KEEP_SECONDS = 15.0
"""Between two looks whether it is there: Temporal may lose all that it knows."""


def schedule() -> Schedule:
    """One round after the other, never two at once."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            ReconcileWorkflow.run,
            RoundInput(),
            id=RECONCILE,
            task_queue=CONTROL_QUEUE,
            execution_timeout=RECONCILE_TIMEOUT,
            static_summary="compares Temporal, Postgres and LiveKit, and mends what differs",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=RECONCILE_EVERY)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
    )


async def ensure_schedule(client: Client, *, renew: bool) -> None:
    """Make the schedule where there is none; `renew` one that another version of the platform made.

    Somebody who has paused it had a reason: it stays paused.
    """
    try:
        # At once: where there is none, Temporal may have lost everything else as well.
        await client.create_schedule(RECONCILE, schedule(), trigger_immediately=True, rpc_timeout=RPC_TIMEOUT)
    except ScheduleAlreadyRunningError:
        if renew:
            handle = client.get_schedule_handle(RECONCILE)
            await handle.update(_renewed, rpc_timeout=RPC_TIMEOUT)


async def _renewed(found: ScheduleUpdateInput) -> ScheduleUpdate:
    new = schedule()
    new.state = found.description.schedule.state
    return ScheduleUpdate(new)


async def _keep(client: Client) -> None:
    renew = True
    while True:
        try:
            await ensure_schedule(client, renew=renew)
            renew = False
        except (RPCError, RuntimeError) as error:
            logger.warning("Temporal does not take the reconciler's schedule: %s", error)
        await asyncio.sleep(KEEP_SECONDS)


@asynccontextmanager
async def keep_schedule(client: Client) -> AsyncIterator[None]:
    """Keep the schedule there during the block; it stays afterwards, and waits for a worker."""
    keeping = asyncio.create_task(_keep(client), name="keep the reconciler's schedule")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
