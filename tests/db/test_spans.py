"""Ranges of time, in hours and days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.histograms import Histogram
from db.repositories.spans import DAY, HOUR, Piece, Range

pytestmark = pytest.mark.unit

NOW = datetime(2026, 3, 20, 10, 30, tzinfo=UTC)
TIMES = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def test_the_last_24_hours_are_exact_to_the_hour() -> None:
    found = Range.around(NOW - timedelta(days=1), NOW, NOW)
    assert found == Range(datetime(2026, 3, 19, 10, tzinfo=UTC), datetime(2026, 3, 20, 11, tzinfo=UTC))
    midnight = datetime(2026, 3, 20, tzinfo=UTC)
    assert found.pieces() == [Piece(HOUR, found.since, midnight), Piece(HOUR, midnight, found.until)]


def test_what_is_older_is_in_whole_days() -> None:
    found = Range.around(NOW - timedelta(days=30), NOW - timedelta(days=10), NOW)
    assert found == Range(datetime(2026, 2, 18, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))
    assert found.pieces() == [Piece(DAY, found.since, found.until)]


def test_days_are_taken_whole_and_edges_by_the_hour() -> None:
    found = Range.around(NOW - timedelta(days=4), NOW, NOW)
    assert [piece.span for piece in found.pieces()] == [HOUR, DAY, HOUR]


@given(TIMES, TIMES)
def test_pieces_make_up_the_range(one: datetime, other: datetime) -> None:
    since, until = sorted((one, other))
    found = Range.around(since, until, NOW)
    assert found.since <= since
    assert until <= found.until
    at = found.since
    for piece in found.pieces():
        assert piece.since == at < piece.until
        at = piece.until
    assert at == found.until


def test_percentiles_of_a_histogram() -> None:
    histogram = Histogram()
    assert histogram.percentiles(0.5)[0] is None
    histogram.add([0, 10], [98, 2])
    assert histogram.total == 100
    low, high = 1.05**0.5, 1.05**10.5
    assert histogram.percentiles(0, 0.5, 0.98, 0.99, 1) == [
        low,
        low,
        low,
        high,
        high,
    ]
