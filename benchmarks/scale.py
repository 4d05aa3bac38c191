"""How much is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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

    @classmethod
    def quick(cls) -> Scale:
        """Only to see that everything works."""
        return cls(deploys=3, stock_starts=1, agents=20, bursts=1, rounds=1, joins=2)
