"""The words in which agents, deployments, replicas and calls say how they are."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """State of an agent, a deployment or a replica."""

    DRAFT = "draft"
    VALIDATING = "validating"
    STARTING = "starting"
    RUNNING = "running"
    DEGRADED = "degraded"
    DRAINING = "draining"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def terminal(self) -> bool:
        """True when nothing more happens by itself."""
        return self in {Status.DRAFT, Status.STOPPED, Status.FAILED}


class Standing(StrEnum):
    """What operators want of a host."""

    OPEN = "open"
    """It takes agents."""
    CORDONED = "cordoned"
    """It takes no more agents, and keeps those it has."""
    DRAINED = "drained"
    """It gives up those it has as well."""


class CallStatus(StrEnum):
    """State of one call."""

    WAITING = "waiting"
    ACTIVE = "active"
    RECOVERING = "recovering"
    ENDED = "ended"
    FAILED = "failed"
    ABANDONED = "abandoned"
