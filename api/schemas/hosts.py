"""Runtime hosts, as they go out."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from api.schemas.base import Answer
from common.status import Standing
from db.repositories.hosts import SeenHost
from workflows.policy import HEARTBEAT_TIMEOUT

HostStatus = Literal["up", "cordoned", "draining", "drained", "silent", "gone"]


class HostItem(Answer):
    """One host."""

    name: str
    status: HostStatus
    """`up`: it takes agents. `cordoned`: none but those it has. `draining`: those it has and their calls are
    leaving; `drained`: they have left. `silent`: it was not heard of for longer than it may be, so it is dead
    or frozen. `gone`: it ended in order, and will be as its `standing` says when it comes back."""
    standing: Standing
    """What operators want of it: `open`, `cordoned` or `drained`."""
    in_effect: bool
    """Whether the host acts by its standing yet; it follows within seconds."""
    ordered_by: str | None
    ordered_at: datetime | None
    version: str
    agents: int
    active_calls: int
    max_calls: int | None
    """How many calls it takes."""
    full: str | None
    """Why it has no room for another call now: `calls`, `cpu`, `memory`, or `processes`: none begins."""
    cpu: float
    """How busy its machine is, between 0 and 1."""
    memory: float
    """How much of its machine's memory is in use, between 0 and 1."""
    started_at: datetime
    last_seen_at: datetime
    note: str | None = None
    """What the giver of an order should know."""

    @classmethod
    def of(cls, seen: SeenHost, note: str | None = None) -> HostItem:
        """The answer for a row."""
        host = seen.host
        return cls(
            name=host.name,
            status=_status(seen),
            standing=Standing(host.standing),
            in_effect=host.heeds == host.standing,
            ordered_by=host.ordered_by,
            ordered_at=host.ordered_at,
            version=host.version,
            agents=host.agents,
            active_calls=host.active_calls,
            max_calls=host.max_calls,
            full=host.full,
            cpu=host.cpu,
            memory=host.memory,
            started_at=host.started_at,
            last_seen_at=host.last_seen_at,
            note=note,
        )


class HostPage(Answer):
    """All hosts: there are few enough for one page."""

    items: list[HostItem]
    next_cursor: str | None = None


def _status(seen: SeenHost) -> HostStatus:
    host = seen.host
    if seen.gone:
        return "gone"
    if seen.silence > HEARTBEAT_TIMEOUT:
        return "silent"
    match Standing(host.standing):
        case Standing.OPEN:
            return "up"
        case Standing.CORDONED:
            return "cordoned"
        case Standing.DRAINED:
            empty = host.heeds == Standing.DRAINED and not host.agents and not host.active_calls
            return "drained" if empty else "draining"
