"""A report that was not taken is delivered later, the newest one only."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any, cast

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.reporter import Reporter
from common.status import Status
from db.engine import Database
from workflows.types import ReplicaChanged, ReplicaInput, ReplicaReport

pytestmark = pytest.mark.unit

REPLICA = ReplicaInput(
    "3f5c0000-0000-0000-0000-000000000001", "slug", "3f5c0000-0000-0000-0000-000000000002", 1, 1
)


class FlakyTemporal:
    """A client and a handle in one, that fails as often as it is told to."""

    def __init__(self) -> None:
        self.failures = 0
        self.signals: list[ReplicaReport] = []

    def get_workflow_handle(self, _workflow_id: str) -> FlakyTemporal:
        """Itself."""
        return self

    async def signal(self, name: str, change: ReplicaChanged, *, rpc_timeout: timedelta) -> None:
        """Take the signal, or fail."""
        assert name == "replica_changed"
        assert rpc_timeout
        if self.failures:
            self.failures -= 1
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
        self.signals.append(change.report)


class AwayDatabase:
    """Postgres that never answers."""

    tries = 0

    def begin(self) -> AbstractAsyncContextManager[Any]:
        """Fail."""
        self.tries += 1
        raise ConnectionRefusedError


def _reporter(temporal: FlakyTemporal, database: AwayDatabase) -> Reporter:
    return Reporter(cast("Client", temporal), cast("Database", database), REPLICA, "replica", "host", 3)


async def test_the_newest_report_is_delivered_once() -> None:
    temporal, database = FlakyTemporal(), AwayDatabase()
    reporter = _reporter(temporal, database)
    temporal.failures = 1
    await reporter.tell(Status.RUNNING, "AW_1")
    assert temporal.signals == []
    await reporter.tell(Status.DEGRADED, reason="LiveKit is away.")
    await reporter.tell(Status.DEGRADED, reason="LiveKit is away.")
    await reporter.deliver()
    assert [(r.status, r.attempt, r.host) for r in temporal.signals] == [(Status.DEGRADED, 3, "host")]
    assert database.tries > 1, "Postgres is tried again, and Temporal does not wait for it"
