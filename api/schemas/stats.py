"""Figures over a range of time, as they go out."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from api.schemas.base import Answer


class Percentiles(Answer):
    """Of some duration, in seconds; null where there was nothing to measure."""

    p50: float | None
    p95: float | None


class OverviewAnswer(Answer):
    """The whole platform at a glance. `agents`, `active_calls` and `calls_today` are of now, the rest of the
    range.
    """

    from_: datetime = Field(alias="from")
    to: datetime
    agents: dict[str, int]
    active_calls: int
    calls_today: int
    calls: int
    average_duration: float | None
    """Of the calls that ended, in seconds."""
    turns: int
    e2e_latency: Percentiles
