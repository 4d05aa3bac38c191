"""What Postgres has written of agents, as their workflows are told of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol
from uuid import UUID

from common.status import Status
from workflows.canary_types import CanaryStep
from workflows.types import DeployRequest, LeftReplica, Seen


class Written(Protocol):
    """A deployment as it is written in Postgres."""

    @property
    def id(self) -> UUID: ...
    @property
    def version(self) -> int: ...
    @property
    def replicas(self) -> int: ...
    @property
    def actor(self) -> str: ...
    @property
    def canary(self) -> list[Any] | None: ...
    @property
    def drain_seconds(self) -> float | None: ...


class WrittenReplica(Protocol):
    """A replica as it is written in Postgres."""

    @property
    def id(self) -> str: ...
    @property
    def deployment_id(self) -> UUID: ...
    @property
    def version(self) -> int: ...
    @property
    def number(self) -> int: ...
    @property
    def status(self) -> Status: ...
    @property
    def attempt(self) -> int: ...
    @property
    def host(self) -> str | None: ...


def seen_of(sequence: int, replicas: int, left: Iterable[WrittenReplica], deployment: int = 1) -> Seen:
    """How far an agent's story has come, as Postgres tells it; `left` are the replicas that are not over."""
    of_another = [
        LeftReplica(
            each.id,
            str(each.deployment_id),
            each.version,
            each.number,
            each.status,
            each.attempt,
            each.host,
        )
        for each in left
    ]
    return Seen(sequence, replicas, deployment, of_another)


def request_of(row: Written, drain_seconds: float, seen: Seen, note: str | None = None) -> DeployRequest:
    """What the agent's workflow is asked for; `drain_seconds` is for those that were written without.

    `note` is why somebody asked for it.
    """
    return DeployRequest(
        str(row.id),
        row.version,
        row.replicas,
        row.actor,
        drain_seconds if row.drain_seconds is None else row.drain_seconds,
        seen,
        promptly=True,
        tells_replicas=True,
        canary=[CanaryStep(**step) for step in row.canary or []],
        note=note,
    )
