"""A report that was not taken is delivered later, the newest one only."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.reporter import Reporter
from common.status import Status
from workflows.types import ReplicaChanged, ReplicaReport

pytestmark = pytest.mark.unit


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


async def test_the_newest_report_is_delivered_once() -> None:
    temporal = FlakyTemporal()
    reporter = Reporter(cast("Client", temporal), "agent", "replica", "host", 3)
    temporal.failures = 1
    await reporter.tell(Status.RUNNING, "AW_1")
    assert temporal.signals == []
    await reporter.tell(Status.DEGRADED, reason="LiveKit is away.")
    await reporter.tell(Status.DEGRADED, reason="LiveKit is away.")
    await reporter.deliver()
    assert [(r.status, r.attempt, r.host) for r in temporal.signals] == [(Status.DEGRADED, 3, "host")]
    assert reporter.delivered
