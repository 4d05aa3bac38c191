"""What is told of a version on trial."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class CanaryStep:
    """A share of the calls for a version on trial, and how long."""

    percent: float
    minutes: float


@dataclass(frozen=True)
class Share:
    """The part of the calls that a version on trial gets."""

    deployment_id: str
    version: int
    percent: float


@dataclass(frozen=True)
class TrialInput:
    """One step of a canary: which version is on trial against which, on calls since when, and until when."""

    agent_id: str
    version: int
    live_version: int
    since: datetime
    until: datetime
    latest: datetime | None = None
    """Until when more calls are waited for, where there were few."""


@dataclass(frozen=True)
class TrialResult:
    """How a step of a canary went."""

    breach: str | None
    """Why the version is worse than the live one; None when it is not."""
    calls: int = 0
    """Of the version on trial, since the trial began."""
