"""Histograms of durations. Buckets grow by five percent: small and large ones are equally precise."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from sqlalchemy import ColumnElement, SmallInteger, func

GROWTH = 1.05
SHORTEST = 0.0001
"""Seconds; what is shorter counts as this."""

LONGEST = 1_000_000.0
"""Seconds, eleven days: what is longer is an error of some clock, and left out. So is what is negative."""

_STEP = math.log(GROWTH)


def bucket_of(seconds: ColumnElement[float]) -> ColumnElement[int]:
    """The bucket, as Postgres reckons it."""
    return func.floor(func.ln(func.greatest(seconds, SHORTEST)) / _STEP).cast(SmallInteger)


def countable(seconds: ColumnElement[float]) -> ColumnElement[bool]:
    """Whether it is in any bucket; false of NaN, which Postgres takes to be greater than everything."""
    return (seconds >= 0) & (seconds < LONGEST)


@dataclass(eq=False)
class Histogram:
    """How many durations are in which bucket."""

    parts: list[tuple[Sequence[int], Sequence[int]]] = field(default_factory=list)
    """Histograms that make it up, each with its buckets in order. They are summed up when it is asked for,
    unless there is but one: a day mostly has one."""

    def add(self, buckets: Sequence[int], counts: Sequence[int]) -> None:
        """Take others in; `buckets` are in order."""
        self.parts.append((buckets, counts))

    def take(self, other: Histogram) -> None:
        """Take those of another histogram in."""
        self.parts.append(other.whole)

    @property
    def whole(self) -> tuple[Sequence[int], Sequence[int]]:
        """The buckets in order, and how many are in each."""
        if len(self.parts) != 1:
            found = self._summed_up()
            buckets = sorted(found)
            self.parts = [(buckets, [found[bucket] for bucket in buckets])]
        return self.parts[0]

    def _summed_up(self) -> dict[int, int]:
        found: dict[int, int] = {}
        known = found.get
        for part in self.parts:
            for bucket, count in zip(*part, strict=True):
                found[bucket] = known(bucket, 0) + count
        return found

    def __eq__(self, other: object) -> bool:
        """Whether the same is in the same buckets, of however many parts."""
        return isinstance(other, Histogram) and self._summed_up() == other._summed_up()

    __hash__ = None  # type: ignore[assignment]

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.whole[1])

    def percentiles(self, *shares: float) -> list[float | None]:
        """In seconds, at most 2.5 % off; None where there is nothing."""
        buckets, counts = self.whole
        passed = list(accumulate(counts))
        if not passed or passed[-1] <= 0:
            return [None] * len(shares)
        ranks = (max(1, math.ceil(share * passed[-1])) for share in shares)
        return [float(GROWTH ** (buckets[bisect_left(passed, rank)] + 0.5)) for rank in ranks]
