"""The figures as a table: on the terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from benchmarks.measure import Result

COLUMNS = ("figure", "ours", "stock", "against stock", "goal", "")


def verdict(result: Result) -> str:
    """`met`, `MISSED`, or nothing where there is no goal."""
    if result.met is None:
        return ""
    return "met" if result.met else "MISSED"


def row(result: Result) -> tuple[str, ...]:
    """The cells of one line."""
    return (
        result.name,
        result.ours.text(result.unit),
        result.stock.text(result.unit) if result.stock else "",
        result.ratio_text,
        result.goal.text(result.unit, result.better) if result.goal else "",
        verdict(result),
    )


def notes(results: Sequence[Result]) -> list[str]:
    """Remarks on single lines."""
    return [f"{result.name}: {result.note}" for result in results if result.note]


def terminal_table(results: Sequence[Result]) -> Table:
    """For people: a median, and in brackets the least, the greatest and the count."""
    table = Table(title_justify="left", show_lines=False, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    for result in results:
        *cells, said = row(result)
        style = {"met": "green", "MISSED": "bold red"}.get(said, "")
        table.add_row(*cells, Text(said, style=style), style="" if result.goal else "dim")
    return table


def markdown_table(results: Sequence[Result]) -> str:
    """The same for a README."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(row(result) for result in results)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
