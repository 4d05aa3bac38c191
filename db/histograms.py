"""Histograms of durations. Buckets grow by five percent: small and large ones are equally precise."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

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


@dataclass
class Histogram:
    """How many durations are in which bucket."""

    counts: Counter[int] = field(default_factory=Counter)

    def add(self, buckets: Iterable[int], counts: Iterable[int]) -> None:
        """Take others in."""
        found, known = self.counts, self.counts.get
        for bucket, count in zip(buckets, counts, strict=True):
            found[bucket] = known(bucket, 0) + count

    @property
    def total(self) -> int:
        """How many there are."""
        return self.counts.total()

    def percentiles(self, *shares: float) -> list[float | None]:
        """For rising shares: in seconds, at most 2.5 % off; None where there is nothing."""
        found: list[float | None] = []
        ranks = [max(1, math.ceil(share * self.total)) for share in shares]
        passed = 0
        for bucket in sorted(self.counts):
            passed += self.counts[bucket]
            while len(found) < len(ranks) and ranks[len(found)] <= passed:
                found.append(float(GROWTH ** (bucket + 0.5)))
        return found or [None] * len(shares)
