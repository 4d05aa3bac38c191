"""How one attempt of a replica tells the agent's workflow how it is."""

from __future__ import annotations

import logging
from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError

from common.status import Status
from workflows.absence import no_workflow
from workflows.policy import agent_workflow_id
from workflows.types import ReplicaChanged, ReplicaReport

logger = logging.getLogger(__name__)

RPC_TIMEOUT = timedelta(seconds=5)


class Reporter:
    """Delivers the newest report; one that was not taken is tried again by `deliver`.

    What happens on order, draining and the end, is known to the workflow without it.
    """

    def __init__(self, client: Client, agent_id: str, replica_id: str, host: str, attempt: int) -> None:
        self.replica_id = replica_id
        self.host = host
        self.attempt = attempt
        self._agent = client.get_workflow_handle(agent_workflow_id(agent_id))
        self._report: ReplicaReport | None = None
        self._told: ReplicaReport | None = None
        self._number = 0

    @property
    def reason(self) -> str | None:
        """Why the replica is not running, as it was reported last."""
        return self._report.reason if self._report else None

    @property
    def delivered(self) -> bool:
        """Whether Temporal has what was reported last."""
        return self._told == self._report

    def known(self, status: Status, reason: str) -> None:
        """An earlier attempt reported this; the same again is no news."""
        self._told = self._report = ReplicaReport(status, self.attempt, self.host, None, reason)

    async def tell(
        self,
        status: Status,
        worker_id: str | None = None,
        reason: str | None = None,
        moving: str | None = None,
    ) -> None:
        """Report a new state; nothing happens when it is the one reported last."""
        report = ReplicaReport(status, self.attempt, self.host, worker_id, reason, moving)
        if report != self._report:
            self._report = report
            self._number += 1
            await self.deliver()

    async def deliver(self) -> None:
        """Deliver what is not delivered yet."""
        report = self._report
        if report is None or self._told == report:
            return
        try:
            change = ReplicaChanged(self.replica_id, report, self._number)
            await self._agent.signal("replica_changed", change, rpc_timeout=RPC_TIMEOUT)
            self._told = report
        except RPCError as error:
            if no_workflow(error):
                self._told = report  # nobody is there to be told
            logger.warning("Temporal did not take the report of %s: %s", self.replica_id, error.message)
