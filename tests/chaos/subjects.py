"""The agents of a run, what was wished for each, and what was acknowledged."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from tests.chaos.looks import SETTLED_SECONDS
from tests.support.platform import Json

Plan = tuple[tuple[float, float], ...]
"""The steps of a canary: per cent of the calls, and minutes."""


@dataclass
class Trial:
    """A version on trial, as it was acknowledged."""

    plan: Plan
    edited: bool
    """Whether it is another version than the one before, for sure."""
    over: float
    """When it is over if nobody ends it, by `time.monotonic`."""

    @classmethod
    def begun(cls, plan: Plan, *, edited: bool) -> Trial:
        """A trial from now on. With few calls, a step lasts twice as long."""
        seconds = sum(2 * 60 * minutes for _, minutes in plan)
        return cls(plan, edited, math.inf if seconds > 600 else time.monotonic() + seconds + SETTLED_SECONDS)

    @property
    def stays(self) -> bool:
        """Whether it is there until somebody ends it."""
        return self.over == math.inf

    def disturb(self) -> None:
        """Who judges it may have to begin anew."""
        self.over = max(self.over, time.monotonic() + SETTLED_SECONDS)


@dataclass(eq=False)
class Subject:
    """One agent."""

    name: str
    behind_proxy: bool
    id: str = ""
    slug: str = ""
    acknowledged: list[str] = field(default_factory=list)
    """Every deployment that was answered with 202, the newest last."""
    wish: str | None = None
    """`running` or `stopped`; None when nobody knows, for the answer to a wish never came."""
    settled: bool = True
    """Whether the last wish was fulfilled at a time when nothing was wrong."""
    may_fail: bool = False
    """Something that its rollout needs was away while that was under way."""
    failed: str | None = None
    """The deployment that failed where that may be."""
    steady: bool = False
    """Whether nothing happened to it since it was as it should be."""
    trial: Trial | None = None
    """Of the newest wish."""
    live: str | None = None
    """The deployment that took calls when it was well, empty when none did; None when it is not known."""
    before: str | None = None
    """`live` as it was when the newest wish came: what takes calls should that one fail."""
    edits: int = 0
    breaks: int = 0
    """How often it was to be stopped, or may have been: a call that loses its agent by that ends."""

    def __repr__(self) -> str:
        return self.name

    @property
    def path(self) -> str:
        """Of the agent in the API."""
        return f"/api/agents/{self.id}"

    def disturb(self) -> None:
        """Something was killed or taken away: a rollout that is under way may fail of it."""
        self.may_fail |= not self.settled
        self.steady = False
        if self.trial:
            self.trial.disturb()

    def wished(self, wish: str | None, trial: Trial | None = None) -> None:
        """Something new was wanted of it, or may have been."""
        self.breaks += wish != "running"
        ended = self.trial is None or self.trial.stays
        self.before, self.live = self.live if ended else None, None
        self.wish, self.trial, self.settled, self.steady = wish, trial, False, False

    def well(self, agent: Json) -> None:
        """It is as it should be. One that is on trial may still fail."""
        self.settled, self.steady = agent["canary"] is None, True
        self.may_fail &= not self.settled
        self.live = agent["deployment"]["id"] if agent["liveVersion"] is not None else ""
