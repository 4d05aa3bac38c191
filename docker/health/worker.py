"""Health of a worker's container: `worker.py control|runtime` has exit code 0 when the worker takes tasks."""

from __future__ import annotations

import asyncio
import socket
import sys
from datetime import UTC, datetime, timedelta

from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from common.settings import Settings, get_settings
from workflows.policy import CONTROL_QUEUE, host_queue

_SECONDS = 8
_RECENT = timedelta(minutes=2)
"""A worker asks for tasks at least once a minute; Temporal remembers the dead ones for longer than that."""


async def polls(settings: Settings, worker: str) -> bool:
    """Whether Temporal has lately seen that worker of this container at its queue.

    A host is looked for at its own queue: while it is cordoned, it is not at the one of agents.
    """
    name = socket.gethostname()
    if worker == "runtime":
        name = settings.bionic_host_name or name
    queue = host_queue(name) if worker == "runtime" else CONTROL_QUEUE
    client = await Client.connect(settings.temporal_address, namespace=settings.temporal_namespace)
    oldest = datetime.now(UTC) - _RECENT
    request = DescribeTaskQueueRequest(
        namespace=settings.temporal_namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=2,  # type: ignore[arg-type]  # activities; protobuf enums are plain numbers
    )
    found = await client.workflow_service.describe_task_queue(request, timeout=timedelta(seconds=_SECONDS))
    return any(
        name in poller.identity and poller.last_access_time.ToDatetime(UTC) > oldest
        for poller in found.pollers
    )


def main() -> None:
    """Ask, and say the answer as an exit code."""
    asked = asyncio.wait_for(polls(get_settings(), sys.argv[1]), _SECONDS)
    sys.exit(0 if asyncio.run(asked) else 1)


if __name__ == "__main__":
    main()
