"""The kinds of events that the platform tells others of, by webhook and as a stream."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

CALL, DEPLOYMENT = "call", "deployment"
"""What the kinds of a group begin with."""


class EventKind(StrEnum):
    """What happened."""

    CALL_STARTED = "call.started"
    """An agent is with the caller for the first time."""
    CALL_RECOVERED = "call.recovered"
    """An agent was lost, and another one goes on."""
    CALL_UNANSWERED = "call.unanswered"
    """No agent has come to a caller after several were sent. More are tried, unless `over` is true."""
    CALL_ENDED = "call.ended"
    CALL_ANALYZED = "call.analyzed"
    DEPLOYMENT_VALIDATING = "deployment.validating"
    DEPLOYMENT_STARTING = "deployment.starting"
    DEPLOYMENT_RUNNING = "deployment.running"
    DEPLOYMENT_DEGRADED = "deployment.degraded"
    DEPLOYMENT_DRAINING = "deployment.draining"
    DEPLOYMENT_STOPPED = "deployment.stopped"
    DEPLOYMENT_FAILED = "deployment.failed"
    WEBHOOK_TEST = "webhook.test"
    """Somebody tries out an endpoint. Nobody else is told."""


TOLD = tuple(kind for kind in EventKind if kind is not EventKind.WEBHOOK_TEST)
"""The kinds that one can ask for."""

_GROUPS = {f"{kind.partition('.')[0]}.*" for kind in TOLD}


def is_wish(kind: str) -> bool:
    """Whether one can ask for it: a kind, or all of a group as `call.*`."""
    return kind in TOLD or kind in _GROUPS


def wishes() -> list[str]:
    """All that one can ask for, groups first."""
    return [*sorted(_GROUPS), *TOLD]


def wanted(kinds: Iterable[str] | None) -> frozenset[EventKind]:
    """The kinds that these wishes stand for; all where there is none."""
    if kinds is None:
        return frozenset(TOLD)
    asked = set(kinds)
    return frozenset(kind for kind in TOLD if kind in asked or f"{kind.partition('.')[0]}.*" in asked)
