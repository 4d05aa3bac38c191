"""How a process is the host of its name: as long as a workflow hears of it, and no longer."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from common.errors import BionicError
from db.repositories.hosts import HostFigures
from workflows import policy
from workflows.absence import no_workflow
from workflows.host_types import HostInput

logger = logging.getLogger(__name__)

RPC_TIMEOUT = timedelta(seconds=5)
LOOK_SECONDS = 1.0
"""Between two looks whether the lease still holds, once that is in doubt."""


class NameTaken(BionicError):
    """A newer process has this host's name."""


class Lease:
    """The right to carry agents under a host's name.

    A process that was frozen, or cut off from Temporal and Postgres, is taken for lost: others get its
    agents. When it wakes, it gives them up and begins anew.
    """

    def __init__(self, client: Client, name: str, figures: Callable[[], HostFigures]) -> None:
        self.name = name
        self.over = asyncio.Event()
        """Set when the present term is over: what was taken on during it belongs to others."""
        self.doubt = asyncio.Event()
        """Set while `keep_host` does not run, so that the term may be over: agents ask for themselves."""
        self.process = uuid.uuid4().hex[:8]
        self._client = client
        self.figures = figures
        self._listeners = 0

    async def take(self) -> datetime:
        """Be the host of that name, whoever was it before; returns since when, by Temporal's clock."""
        # First: an answer that does not come may have been taken all the same.
        self.over = asyncio.Event()
        self.doubt.set()
        handle = await self._client.start_workflow(
            "HostWorkflow",
            HostInput(self.name, self.process),
            id=policy.host_workflow_id(self.name),
            task_queue=policy.CONTROL_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
            rpc_timeout=RPC_TIMEOUT,
            static_summary=f"host {self.name}",
            memo={policy.PROCESS: self.process},
        )
        return (await handle.describe(rpc_timeout=RPC_TIMEOUT)).start_time

    @activity.defn
    async def keep_host(self, host: HostInput) -> None:
        """Say with every heartbeat that this host is there, until it leaves."""
        if host.process != self.process:
            raise ApplicationError("Another process has this host's name.", type="NameTaken")
        self._listeners += 1
        self.doubt.clear()
        going = asyncio.create_task(activity.wait_for_worker_shutdown())
        try:
            while not going.done():
                activity.heartbeat(self.figures())
                await asyncio.wait([going], timeout=policy.HEARTBEAT.total_seconds())
        except asyncio.CancelledError:
            pass  # Temporal does not listen to this one any more: not worth a stack trace in the log
        finally:
            going.cancel()
            self._listeners -= 1
            if not self._listeners:
                self.doubt.set()

    async def watch(self) -> None:
        """Begin anew whenever the lease is lost; for ever.

        Raises:
            NameTaken: a newer process has the name.
        """
        while True:
            await self.doubt.wait()
            try:
                await self._clear_up()
            except RPCError as error:
                logger.warning("Temporal does not say whether this host is known: %s", error.message)
            await asyncio.sleep(LOOK_SECONDS)

    async def _clear_up(self) -> None:
        holder = await self._holder()
        if holder == self.process:
            return  # `keep_host` comes again
        self.over.set()
        if holder is not None:
            raise NameTaken(
                f"Another process is host {self.name} now. Two hosts need two names: set BIONIC_HOST_NAME."
            )
        logger.warning("this host was taken for lost: its agents are on others, it begins anew")
        self.process = uuid.uuid4().hex[:8]
        await self.take()

    async def _holder(self) -> str | None:
        """Which process Temporal takes for this host; None when it knows of none."""
        handle = self._client.get_workflow_handle(policy.host_workflow_id(self.name))
        try:
            found = await handle.describe(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if no_workflow(error):
                return None
            raise
        running = found.status is WorkflowExecutionStatus.RUNNING
        return (await found.memo_value(policy.PROCESS) or None) if running else None
