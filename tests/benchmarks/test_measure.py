"""The maths of the figures."""

from __future__ import annotations

import math

import pytest

from benchmarks.measure import TIMES, Goal, Result, Series, amount

pytestmark = pytest.mark.unit


def seconds(*values: float) -> Series:
    return Series(values)


def test_a_series_knows_its_middle_and_its_ends() -> None:
    series = seconds(3, 1, 2, 10)
    assert (series.median, series.low, series.high, series.lost) == (2.5, 1, 10, 0)


def test_the_slowest_in_twenty_is_beyond_p95() -> None:
    assert seconds(*range(1, 21)).p95 == 19
    assert seconds(*range(1, 20), math.inf).p95 == 19
    assert seconds(5).p95 == 5
    assert seconds(1, math.inf).p95 == math.inf


def test_an_empty_series_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Series(())


def test_lost_measurements_are_counted_and_left_out_of_the_median() -> None:
    series = seconds(0.1, 0.2, 0.3, math.inf)
    assert (series.median, series.high, series.lost) == (0.2, 0.3, 1)
    assert series.text("s") == "200 ms (100 ms to 300 ms, n=4, 1 lost)"


def test_when_all_are_lost_there_is_no_median() -> None:
    series = seconds(math.inf, math.inf)
    assert (series.median, series.high) == (math.inf, math.inf)
    assert series.text("s") == "never (never to never, n=2, 2 lost)"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0854, "s", "85 ms"),
        (-0.004, "s", "-4 ms"),
        (9.019, "s", "9.02 s"),
        (0.3149, "MB", "0.31 MB"),
        (509.4, "MB", "509 MB"),
        (34, "events", "34 events"),
        (0, "calls", "0 calls"),
        (0.043, "mcore", "0.04 mcore"),
        (92.9, "mcore", "92.90 mcore"),
        (22970, "mcore", "23 cores"),
        (561_000, "MB", "561 GB"),
        (math.inf, "s", "never"),
    ],
)
def test_amounts_are_readable(value: float, unit: str, text: str) -> None:
    assert amount(value, unit) == text  # type: ignore[arg-type]


def test_one_measurement_shows_no_range() -> None:
    assert seconds(2).text("s") == "2.00 s"


def test_both_conditions_of_a_goal_must_hold() -> None:
    goal = Goal(at_most=0.1, better_by=50)
    assert Result("deploy", "s", seconds(0.1), seconds(5), goal).met is True
    assert Result("deploy", "s", seconds(0.1), seconds(4.9), goal).met is False
    assert Result("deploy", "s", seconds(0.11), seconds(9), goal).met is False


def test_a_share_of_stock_is_a_limit_from_above() -> None:
    goal = Goal(share_of_stock=1.1)
    assert Result("join", "s", seconds(0.33), seconds(0.30), goal).met is True
    assert Result("join", "s", seconds(0.34), seconds(0.30), goal).met is False


def test_rounding_meets_no_goal() -> None:
    result = Result("join", "s", seconds(1.1049), seconds(1), Goal(share_of_stock=1.1))
    assert result.ratio_text == f"1.10 {TIMES} stock"
    assert result.met is False


def test_a_lost_measurement_misses_the_goal_whatever_the_median() -> None:
    result = Result("join", "s", seconds(0.1, 0.1, math.inf), seconds(1), Goal(share_of_stock=1.1))
    assert result.met is False


def test_calls_that_stock_lost_do_not_help_us() -> None:
    goal = Goal(share_of_stock=1.1)
    assert Result("join", "s", seconds(0.5), seconds(0.3, math.inf, math.inf), goal).met is False
    assert Result("join", "s", seconds(0.3), seconds(0.3, math.inf, math.inf), goal).met is True
    assert Result("join", "s", seconds(0.1), seconds(math.inf), goal).met is False


def test_without_a_stock_figure_a_ratio_is_not_met() -> None:
    assert Result("x", "s", seconds(0.1), goal=Goal(better_by=2)).met is False


def test_without_a_goal_there_is_no_verdict() -> None:
    assert Result("x", "s", seconds(0.1)).met is None


def test_ratios_in_words() -> None:
    assert Result("a", "s", seconds(0.05), seconds(5.04)).ratio_text == f"101{TIMES} faster"
    assert Result("b", "MB", seconds(200), seconds(500), better="less").ratio_text == f"2.5{TIMES} less"
    assert not Result("c", "s", seconds(1)).ratio_text


def test_what_is_worse_than_stock_says_so() -> None:
    assert Result("a", "s", seconds(4.6), seconds(3.7)).ratio_text == f"1.24 {TIMES} stock"


def test_none_against_some_is_no_ratio() -> None:
    goal = Goal(at_most=0)
    none = Result("dropped", "calls", Series((0,)), Series((4,)), goal)
    both = Result("dropped", "calls", Series((0,)), Series((0,)), goal)
    some = Result("dropped", "calls", Series((1,)), Series((0,)), goal)
    assert (none.ratio_text, none.met) == ("", True)
    assert (both.ratio_text, both.met) == ("", True)
    assert (some.ratio_text, some.met) == ("", False)


def test_memory_that_did_not_grow_is_no_division_by_zero() -> None:
    assert Result("memory", "MB", seconds(0), seconds(500)).factor == math.inf


def test_goals_in_words() -> None:
    assert Goal(at_most=0.1, better_by=50).text("s", "faster") == f"≤ 0.1 s and ≥ 50{TIMES} faster"
    assert Goal(share_of_stock=1.1).text("s", "faster") == f"≤ 1.1 {TIMES} stock"
