"""What goes into the workflows of calls that are over."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """What can be done with a call that is over; each by itself, and again."""

    TRANSCRIPT = "transcript"
    """What was being said when the call ended becomes a turn."""
    RECORDING = "recording"
    """Every recording that was made is in its storage."""
    COST = "cost"
    SUMMARY = "summary"
    EXTRACT = "extract"
    """What the agent's schema asks for."""
    SCORES = "scores"
    """What judges say."""
    LANGFUSE = "langfuse"
    """Scores are sent to LangFuse."""


@dataclass(frozen=True)
class AfterInput:
    """Do these steps with a call that is over."""

    call_id: str
    steps: list[Step]
    latest: bool = False
    """By the config of the agent's live version, and not by that of the call's own."""
    settle_seconds: float = 0.0
    """How long its agent may still be writing."""


@dataclass(frozen=True)
class StepInput:
    """Do one step with one call."""

    call_id: str
    step: Step
    latest: bool = False


@dataclass(frozen=True)
class AfterResult:
    """What came of it; details are in Postgres."""

    failed: list[Step]


@dataclass(frozen=True)
class ReprocessInput:
    """Do steps again for many calls."""

    reprocess_id: str
    steps: list[Step]
    after: str | None = None
    """The last call of those that are done."""
    done: int = 0
    failed: int = 0


@dataclass(frozen=True)
class PageInput:
    """The next calls of a wish, and how far it is."""

    reprocess_id: str
    after: str | None
    done: int
    failed: int


@dataclass(frozen=True)
class Page:
    """Some calls, in order; none: it is over."""

    calls: list[str]


@dataclass(frozen=True)
class ReprocessEnd:
    """A wish is fulfilled, or will not be."""

    reprocess_id: str
    done: int
    failed: int
    error: str | None = None
