"""Runtime hosts, as they go out."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from api.schemas.base import Answer
from db.repositories.hosts import SeenHost
from workflows.policy import HEARTBEAT_TIMEOUT


class HostItem(Answer):
    """One host. It is `silent` when it was not heard of for longer than it may be: it is dead or frozen."""

    name: str
    status: Literal["up", "silent"]
    version: str
    agents: int
    active_calls: int
    cpu: float
    """How busy its machine is, between 0 and 1."""
    memory: float
    """How much of its machine's memory is in use, between 0 and 1."""
    started_at: datetime
    last_seen_at: datetime

    @classmethod
    def of(cls, seen: SeenHost) -> HostItem:
        """The answer for a row."""
        host = seen.host
        return cls(
            name=host.name,
            status="up" if seen.silence <= HEARTBEAT_TIMEOUT else "silent",
            version=host.version,
            agents=host.agents,
            active_calls=host.active_calls,
            cpu=host.cpu,
            memory=host.memory,
            started_at=host.started_at,
            last_seen_at=host.last_seen_at,
        )


class HostPage(Answer):
    """All hosts: there are few enough for one page."""

    items: list[HostItem]
    next_cursor: str | None = None
