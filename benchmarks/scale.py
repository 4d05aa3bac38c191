"""How much is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from workflows.policy import AGENT_HEARTBEAT

Tell = Callable[[str], None]
"""Takes a few words on what goes on now."""


@dataclass(frozen=True)
class Scale:
    """Counts of repetitions."""

    deploys: int = 20
    stock_starts: int = 3
    agents: int = 300
    """How many agents are deployed at once, and idle together."""

    bursts: int = 3
    rounds: int = 3
    """Of calls. Each begins with a fresh stock worker and ends with a fresh host of ours."""

    joins: int = 6
    """Warm calls of each side in one round."""

    kills: int = 3
    """Hosts that are killed, in each way, and stock workers."""

    tenants: int = 10
    """Agents on a host that is killed, or whose histories are looked at."""

    crowd: int = 100
    """The same, where there are many."""

    losses: int = 20
    """Calls whose agent's process is killed, of each side some."""

    redeploys: int = 10
    live: int = 4
    """Calls that go on meanwhile."""

    stop_seconds: float = 90.0
    """How long a stock worker may drain when it is restarted: systemd's default `TimeoutStopSec`."""

    many: int = 1000
    """Agents on one host."""

    idle_seconds: float = AGENT_HEARTBEAT.total_seconds()
    """During which the CPU of many agents at rest is measured: each of them beats once."""

    watch_seconds: float = 20.0
    """During which the CPU of a stock worker at rest, and of live calls, is measured."""

    talking: int = 4
    """Calls in which somebody talks all the time."""

    in_memory: int = 10
    """Calls of one side at once, whose memory is counted."""

    turns: int = 30
    """Typed questions in each call: the more were asked, the longer livekit-agents takes for each trace."""

    conversations: int = 5
    """Of so many turns, one after the other."""

    still_seconds: float = 60.0
    """During which nothing may be added to the histories of agents at rest."""

    seeded_calls: int = 1_000_000
    """Calls that are in Postgres when lists and figures are asked for."""

    seeded_turns: int = 20
    """In each of them."""

    asks: int = 200
    """Of each kind."""

    @classmethod
    def quick(cls) -> Scale:
        """Only to see that everything works."""
        return cls(
            deploys=3,
            stock_starts=1,
            agents=20,
            bursts=1,
            rounds=1,
            joins=2,
            kills=1,
            tenants=3,
            crowd=6,
            losses=2,
            redeploys=2,
            live=1,
            stop_seconds=5,
            many=30,
            talking=1,
            in_memory=2,
            idle_seconds=3,
            watch_seconds=3,
            turns=5,
            conversations=1,
            still_seconds=5,
            seeded_calls=2000,
            seeded_turns=5,
            asks=10,
        )
