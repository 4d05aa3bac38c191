"""The maths of the figures: what was measured, against what, and whether a goal is met."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Literal

Unit = Literal["s", "MB", "mcore", "events", "calls", "joins"]
"""A `mcore` is a thousandth of a CPU core."""

TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Series:
    """Repeated measurements of one thing. Infinity stands for one that never came to its end."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a series needs at least one measurement")

    @property
    def median(self) -> float:
        """The middle one of those that came to their end; infinity when none did."""
        finite = [value for value in self.values if math.isfinite(value)]
        return statistics.median(finite) if finite else math.inf

    @property
    def low(self) -> float:
        """The least."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The greatest of those that came to their end; infinity when none did."""
        return max((value for value in self.values if math.isfinite(value)), default=math.inf)

    @property
    def p95(self) -> float:
        """What 95 of 100 do not exceed. Those that never came to their end are the greatest."""
        return sorted(self.values)[math.ceil(0.95 * len(self.values)) - 1]

    @property
    def lost(self) -> int:
        """How many never came to their end."""
        return sum(math.isinf(value) for value in self.values)

    def text(self, unit: Unit) -> str:
        """`120 ms (90 ms to 310 ms, n=20)`."""
        median = amount(self.median, unit)
        count = len(self.values)
        if count == 1:
            return median
        lost = f", {self.lost} lost" if self.lost else ""
        return f"{median} ({amount(self.low, unit)} to {amount(self.high, unit)}, n={count}{lost})"


@dataclass(frozen=True)
class Goal:
    """What a median must reach. Several conditions must hold together."""

    at_most: float | None = None
    """In the figure's unit."""

    better_by: float | None = None
    """Stock divided by ours must be at least this."""

    share_of_stock: float | None = None
    """Ours divided by stock must be at most this."""

    def text(self, unit: Unit, better: str) -> str:
        """Such as `≤ 0.1 s and ≥ 50x faster`, with a proper sign."""
        parts = []
        if self.at_most is not None:
            parts.append(f"≤ {self.at_most:g} {unit}")
        if self.better_by is not None:
            parts.append(f"≥ {self.better_by:g}{TIMES} {better}")
        if self.share_of_stock is not None:
            parts.append(f"≤ {self.share_of_stock:g} {TIMES} stock")
        return " and ".join(parts)


@dataclass(frozen=True)
class Result:
    """One line of the table."""

    name: str
    unit: Unit
    ours: Series
    stock: Series | None = None
    goal: Goal | None = None
    better: str = "faster"
    """What a smaller number means: `faster`, `less`."""

    note: str = ""
    """A remark below the table."""

    @property
    def factor(self) -> float | None:
        """Stock's median divided by ours."""
        if self.stock is None:
            return None
        return self.stock.median / self.ours.median if self.ours.median > 0 else math.inf

    @property
    def share(self) -> float | None:
        """Our median divided by stock's."""
        if self.stock is None:
            return None
        return self.ours.median / self.stock.median if self.stock.median > 0 else math.inf

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one.

        A lost measurement of ours misses any goal. Those of stock don't help us: its median is that of the
        others, and without any there is nothing to be better than.
        """
        goal = self.goal
        if goal is None:
            return None
        compares = goal.better_by is not None or goal.share_of_stock is not None
        if self.ours.lost or (compares and self.stock is not None and math.isinf(self.stock.median)):
            return False
        checks = [
            (goal.at_most, self.ours.median, True),
            (goal.better_by, self.factor, False),
            (goal.share_of_stock, self.share, True),
        ]
        return all(_holds(limit, value, below=below) for limit, value, below in checks)

    @property
    def ratio_text(self) -> str:
        """How the medians compare."""
        if self.factor is None or self.share is None:
            return ""
        compared = self.goal is not None and self.goal.share_of_stock is not None
        if compared or 0 < self.factor < 1:
            return f"{self.share:.2f} {TIMES} stock"
        if math.isinf(self.factor) or not self.factor:
            return ""  # none on one side: nothing to divide by
        digits = ".0f" if self.factor >= 10 else ".2g"
        return f"{self.factor:{digits}}{TIMES} {self.better}"


def _holds(limit: float | None, value: float | None, *, below: bool) -> bool:
    if limit is None:
        return True
    if value is None or math.isnan(value):
        return False
    return value <= limit if below else value >= limit


_LARGE: dict[Unit, tuple[str, int]] = {"MB": ("GB", 1000), "mcore": ("cores", 1000)}


def amount(value: float, unit: Unit) -> str:
    """A number a person can read: `85 ms`, `9.02 s`, `0.31 MB`."""
    if math.isinf(value):
        return "never"
    if unit == "s":
        return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.2f} s"
    if unit in _LARGE:
        larger, factor = _LARGE[unit]
        if value >= 10 * factor:
            return f"{value / factor:.0f} {larger}"
        return f"{value:.0f} {unit}" if value >= 100 else f"{value:.2f} {unit}"
    return f"{value:.0f} {unit}"
