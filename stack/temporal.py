"""Is Temporal there for our workers, and are our workers there for Temporal?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

_TIMEOUT = timedelta(seconds=2)


async def temporal_serves(address: str, namespace: str, attributes: tuple[str, ...]) -> bool:
    """True when the server answers, has the namespace, and knows the search attributes.

    An open port is not enough: for a moment the server listens but refuses every workflow.
    """
    try:
        client = await Client.connect(address, namespace=namespace)
        known = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=namespace), timeout=_TIMEOUT
        )
    except (RPCError, RuntimeError):  # RuntimeError: nobody listens yet
        return False
    return set(attributes) <= set(known.custom_attributes)


async def worker_polls(address: str, namespace: str, queues: Iterable[str], pid: int) -> bool:
    """True when the worker of that process takes tasks from one of the queues.

    Temporal remembers dead pollers for minutes, so the pid is looked for: it is part of a worker's identity.
    """
    own = re.compile(rf"(?<!\d){pid}(?!\d)")
    try:
        client = await Client.connect(address, namespace=namespace)
        for queue in queues:
            identities = await _pollers(client, namespace, queue)
            if any(own.search(identity) for identity in identities):
                return True
    except (RPCError, RuntimeError):
        pass
    return False


async def _pollers(client: Client, namespace: str, queue: str) -> list[str]:
    """Who takes tasks from the queue."""
    found = [
        await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=namespace,
                task_queue=TaskQueue(name=queue),
                task_queue_type=kind,  # type: ignore[arg-type]  # protobuf enums are plain numbers
            ),
            timeout=_TIMEOUT,
        )
        for kind in (1, 2)  # workflows, activities
    ]
    return [poller.identity for answer in found for poller in answer.pollers]
