"""What the supervisor must know about a service."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from stack.config import Service


async def _nothing() -> None:
    return


async def _at_once(_: int) -> bool:
    return True


@dataclass(frozen=True)
class ServiceSpec:
    """How to run one service."""

    name: Service
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The whole environment of the process."""

    needs: frozenset[Service] = frozenset()
    """Services that must be ready first; those that are not part of the stack are taken as ready."""

    prepare: Callable[[], Awaitable[None]] = _nothing
    """Runs before every start of the process."""

    ready: Callable[[int], Awaitable[bool]] = _at_once
    """Asked with the pid, again and again until it is true. It answers within seconds and raises nothing."""

    one_shot: bool = False
    """Ready when it has ended with code 0; never restarted."""

    ours: bool = False
    """Its lines go to the terminal; of other people's servers only warnings do."""

    user: str | None = None
    """System user to run as; None for the supervisor's own."""

    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 5.0
    """Between the signal and SIGKILL."""

    repeat_stop_after: float | None = None
    """Seconds until the stop signal is sent once more."""

    start_seconds: float = 60.0
    """Until it must be ready."""

    cure: str = ""
    """What a person can do when it does not start."""
