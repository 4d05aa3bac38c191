"""How one attempt of a replica tells the agent's workflow and Postgres how it is."""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client
from temporalio.service import RPCError

from common.status import Status
from db.engine import Database
from db.repositories.deployments import DeploymentRepository, ReplicaState
from workflows.policy import agent_workflow_id
from workflows.types import ReplicaChanged, ReplicaInput, ReplicaReport

logger = logging.getLogger(__name__)

ITS_WORKFLOW_KNOWS = {Status.DRAINING, Status.STOPPED}
"""What happens on order, or is seen by the replica's workflow itself."""

RPC_TIMEOUT = timedelta(seconds=5)


class Reporter:
    """Delivers the newest report to both, each in its own time; what fails is tried again by `deliver`."""

    def __init__(
        self,
        client: Client,
        database: Database,
        replica: ReplicaInput,
        replica_id: str,
        host: str,
        attempt: int,
    ) -> None:
        self.replica_id = replica_id
        self.host = host
        self.attempt = attempt
        self._agent = client.get_workflow_handle(agent_workflow_id(replica.agent_id))
        self._database = database
        self._replica = replica
        self._report: ReplicaReport | None = None
        self._told: ReplicaReport | None = None
        self._written: ReplicaReport | None = None

    @property
    def reason(self) -> str | None:
        """Why the replica is not running, as it was reported last."""
        return self._report.reason if self._report else None

    @property
    def delivered(self) -> bool:
        """Whether Temporal and Postgres have what was reported last."""
        told = self._told == self._report or (self._report and self._report.status in ITS_WORKFLOW_KNOWS)
        return bool(told) and self._written == self._report

    def known(self, status: Status, reason: str) -> None:
        """An earlier attempt reported this; the same again is no news."""
        self._report = ReplicaReport(status, self.attempt, self.host, None, reason)
        self._told = self._written = self._report

    async def tell(self, status: Status, worker_id: str | None = None, reason: str | None = None) -> None:
        """Report a new state; nothing happens when it is the one reported last."""
        report = ReplicaReport(status, self.attempt, self.host, worker_id, reason)
        if report != self._report:
            self._report = report
            await self.deliver()

    async def deliver(self) -> None:
        """Deliver what is not delivered yet."""
        report = self._report
        if report is None:
            return
        if self._told != report and report.status not in ITS_WORKFLOW_KNOWS:
            try:
                change = ReplicaChanged(self.replica_id, report)
                await self._agent.signal("replica_changed", change, rpc_timeout=RPC_TIMEOUT)
                self._told = report
            except RPCError as error:
                logger.warning("Temporal did not take the report of %s: %s", self.replica_id, error.message)
        if self._written != report:
            try:
                await self._write(report)
                self._written = report
            except (SQLAlchemyError, OSError) as error:
                logger.warning("Postgres did not take the report of %s: %s", self.replica_id, error)

    async def _write(self, report: ReplicaReport) -> None:
        state = ReplicaState(
            id=self.replica_id,
            agent_id=UUID(self._replica.agent_id),
            deployment_id=UUID(self._replica.deployment_id),
            version=self._replica.version,
            number=self._replica.number,
            status=report.status,
            attempt=report.attempt,
            host=report.host,
            worker_id=report.worker_id,
            reason=report.reason,
        )
        async with self._database.begin() as db_session:
            await DeploymentRepository(db_session).write_replica(state)
