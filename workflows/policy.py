"""Queues, timeouts, retry policies and search attributes, all in one place."""

from __future__ import annotations

from datetime import timedelta

from temporalio.common import RetryPolicy, SearchAttributeKey

CONTROL_QUEUE = "bionic-control"
"""Workflows and short activities."""

RUNTIME_QUEUE = "bionic-runtime"
"""Long-running agent activities: one slot of a host each."""

AGENT_SLUG = SearchAttributeKey.for_keyword("AgentSlug")
AGENT_VERSION = SearchAttributeKey.for_int("AgentVersion")
AGENT_STATUS = SearchAttributeKey.for_keyword("AgentStatus")
DEPLOYMENT_ID = SearchAttributeKey.for_keyword("DeploymentId")
LIVEKIT_URL = SearchAttributeKey.for_keyword("LiveKitUrl")

SEARCHES_NAME_THE_NEWEST = "searches-name-the-newest"
"""A patch: before it, a version that replaced a running one was not found by its number."""

ONCE = RetryPolicy(maximum_attempts=1)

VALIDATE_PROMPTLY = timedelta(seconds=1)
"""How long the answer to a deploy request may wait for validation; what takes longer is done after it."""

VALIDATE_IN_LINE = timedelta(seconds=4)
"""The same, with the time in line behind many others."""

VALIDATE_TIMEOUT = timedelta(seconds=15)
VALIDATE_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500), backoff_coefficient=2.0, maximum_attempts=3
)
"""A person waits for the verdict: three tries at what may be a hiccup, then the reason."""

RECORD_TIMEOUT = timedelta(seconds=10)
RECORD_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=10)
)
"""Without a last attempt: Postgres being away must lose nothing."""

HOST_TIMEOUT = timedelta(days=3650)
"""An agent runs until it is told to stop."""

HOST_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=5)
)
"""The only loop that registers an agent again. It never begins anew, so its longest wait is a short one. An
error that retrying can't cure says so itself."""

RELEASE_TIMEOUT = timedelta(seconds=5)
"""How long a host has to take up the order to drain; a host that does not is cancelled by its heartbeat."""

HEARTBEAT = timedelta(seconds=4)
"""Between two heartbeats of a hosted agent."""

HEARTBEAT_TIMEOUT = 3 * HEARTBEAT
"""A host that is silent for this long has lost its agents."""

START_AT_ONCE = timedelta(seconds=10)
"""Replicas that register within this time go straight to running; slower ones are shown as starting."""

START_PATIENCE = timedelta(minutes=2)
"""How long a rollout waits for its replicas to register before it fails."""


def host_queue(host: str) -> str:
    """The queue that only this host polls."""
    return f"{RUNTIME_QUEUE}-{host}"


def agent_workflow_id(agent_id: str) -> str:
    """The one workflow of an agent."""
    return f"agent-{agent_id}"


def replica_workflow_id(agent_id: str, version: int, number: int) -> str:
    """The workflow of one registration with LiveKit."""
    return f"agent-{agent_id}-v{version}-r{number}"
