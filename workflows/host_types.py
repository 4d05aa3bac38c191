"""What goes into a host's workflow and its activities and what comes out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HostInput:
    """A process that carries agents under the name of a host."""

    name: str
    process: str
    """Tells it from earlier and later processes of the same name."""


@dataclass(frozen=True)
class Inquest:
    """What became of a host that fell silent."""

    alive: bool
    """Postgres heard of it just now: only Temporal did not."""
    agents: int = 0
    """How many were handed on to other hosts."""
