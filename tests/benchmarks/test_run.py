"""One figure that fails takes no other with it, and no run lasts for ever."""

from __future__ import annotations

import asyncio
import io
from dataclasses import fields

import pytest
from rich.console import Console

from benchmarks import run as running
from benchmarks.measure import Result, Series
from benchmarks.scale import Scale, Tell
from stack.config import StackConfig, StackError
from stack.progress import Progress

pytestmark = pytest.mark.unit

RESULT = Result("good", "s", Series((1,)))


async def good(scale: Scale, tell: Tell) -> list[Result]:
    tell("words")
    return [RESULT]


async def bad(scale: Scale, tell: Tell) -> list[Result]:
    raise StackError("it broke")


async def endless(scale: Scale, tell: Tell) -> list[Result]:
    await asyncio.Event().wait()
    return []


@pytest.fixture(autouse=True)
def figures(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(config: StackConfig, progress: Progress) -> None:
        return

    monkeypatch.setattr(running, "prepare_servers", nothing)
    monkeypatch.setattr(running, "FIGURES", {"good": good, "bad": bad, "endless": endless})


def measured(*names: str) -> list[Result]:
    console = Console(file=io.StringIO())
    return asyncio.run(running.run(names, Scale.quick(), console))


def test_figures_that_work_are_returned() -> None:
    assert measured("good", "good") == [RESULT, RESULT]


def test_a_figure_that_fails_leaves_the_others() -> None:
    with pytest.raises(running.Incomplete, match="bad: it broke") as failed:
        measured("bad", "good")
    assert failed.value.results == [RESULT]


def test_time_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "MAX_SECONDS", 0.05)
    with pytest.raises(running.Incomplete, match="endless: not done within") as failed:
        measured("good", "endless")
    assert failed.value.results == [RESULT]


def test_a_quick_run_does_less_of_everything() -> None:
    quick, full = Scale.quick(), Scale()
    assert all(getattr(quick, field.name) < getattr(full, field.name) for field in fields(Scale))
    assert full.rounds * full.joins >= 15
