"""Puts the figures of a run into the README, between two markers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from benchmarks.measure import Result
from benchmarks.table import markdown_table, notes

README = Path(__file__).with_name("README.md")
BEGIN = "<!-- figures: begin (written by `make bench ARGS=--write`) -->"
END = "<!-- figures: end -->"


class MarkersMissing(Exception):
    """The README has no place for the figures."""


def block(results: Sequence[Result], machine: Sequence[str], day: date) -> str:
    """What stands between the markers."""
    about = "\n".join(f"- {line}" for line in machine)
    remarks = "".join(f"\n\n{note}" for note in notes(results))
    return f"Measured on {day.isoformat()}:\n\n{about}\n\n{markdown_table(results)}{remarks}"


def replaced(text: str, new: str) -> str:
    """`text` with `new` between the markers. Raises `MarkersMissing`."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise MarkersMissing(f"{README.name} lacks the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{new}\n{END}{after}"


def write(results: Sequence[Result], machine: Sequence[str], day: date, path: Path = README) -> None:
    """Rewrites the README."""
    path.write_text(
        replaced(path.read_text(encoding="utf-8"), block(results, machine, day)), encoding="utf-8"
    )
