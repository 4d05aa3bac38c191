"""Figures over a range of time, as they go out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from api.schemas.base import Answer
from common.status import CallStatus
from db.histograms import Histogram
from db.repositories.measured import DURATION, JOIN_TIME, LATENCIES
from db.repositories.stats import Tally


class Percentiles(Answer):
    """Of some duration, in seconds, at most 2.5 % off; null where there was nothing to measure."""

    p50: float | None
    p95: float | None
    p99: float | None

    @classmethod
    def of(cls, histogram: Histogram) -> Percentiles:
        """What a histogram tells."""
        p50, p95, p99 = histogram.percentiles(0.5, 0.95, 0.99)
        return cls(p50=p50, p95=p95, p99=p99)


class StageAnswer(Answer):
    """How long each stage of a turn took."""

    transcription_delay: Percentiles
    end_of_turn_delay: Percentiles
    llm_node_ttft: Percentiles
    tts_node_ttfb: Percentiles
    e2e_latency: Percentiles


class Figures(Answer):
    """Of a group of calls."""

    calls: int
    by_status: Mapping[str, int]
    average_duration: float | None
    """Of the calls that are over and had an agent, in seconds."""
    duration: Percentiles
    join_time: Percentiles
    """From the platform's hearing of the caller to the first agent's coming; 0 where that came before."""
    recovered_calls: int
    """That needed another agent."""
    recoveries: int
    """How often another one was sent, in all."""
    crashes: int
    """How many agents were lost by their own fault."""
    turns: int
    latencies: StageAnswer

    @classmethod
    def of(cls, tally: Tally, **more: Any) -> Any:
        """The answer for some calls; `more` are the fields that a subclass adds."""
        durations, sums = tally.measures[DURATION], tally.sums
        stages = {name: Percentiles.of(tally.measures[name]) for name in LATENCIES}
        return cls(
            calls=tally.calls,
            by_status={status: sums[status] for status in CallStatus},
            average_duration=tally.seconds / durations.total if durations.total else None,
            duration=Percentiles.of(durations),
            join_time=Percentiles.of(tally.measures[JOIN_TIME]),
            recovered_calls=sums["recovered"],
            recoveries=sums["recoveries"],
            crashes=sums["crashes"],
            turns=sums["turns"],
            latencies=StageAnswer(**stages),
            **more,
        )


class RangeFigures(Figures):
    """Of the calls that were made in a range: `from` and `to` are those that were used, in whole hours, or
    in whole days where the hours are not known any more (after eight days)."""

    from_: datetime = Field(alias="from")
    to: datetime


class OverviewAnswer(RangeFigures):
    """The whole platform at a glance. `agents`, `active_calls` and `calls_today` are of now, the rest of the
    range.
    """

    agents: dict[str, int]
    active_calls: int
    calls_today: int
    e2e_latency: Percentiles
    """As in `latencies`."""


class VersionFigures(Figures):
    """Of one version's calls."""

    version: int | None
    """Null: of calls whose version is not known."""


class DayFigures(Figures):
    """Of the calls that were made on one day, UTC."""

    day: date


class AgentStatsAnswer(RangeFigures):
    """One agent: all its calls of the range, and the same by version and by day, oldest first."""

    agent_id: UUID
    versions: list[VersionFigures]
    days: list[DayFigures]
