"""What is said of a version that was on trial."""

from __future__ import annotations

import pytest

from workflows.canary import outcome_of

pytestmark = pytest.mark.unit


def test_a_version_that_nobody_called_has_not_passed_but_was_not_judged() -> None:
    assert [outcome_of(calls) for calls in (0, 1, 7)] == [
        "Not judged: nobody called it.",
        "No worse in 1 call.",
        "No worse in 7 calls.",
    ]
