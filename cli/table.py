"""Tables as lines: no frames, so that they can be copied, and notes of any length below their row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from cli.words import plain

_GAP = 2
_LEAST = 8
"""Cells that a column keeps however narrow the terminal is."""


@dataclass(frozen=True)
class Column:
    """A heading; `right` is for figures, `gives` for what may be cut short where the terminal is narrow."""

    title: str
    right: bool = False
    gives: bool = False


@dataclass(frozen=True)
class Row:
    """Cells, and what must be said about them in full."""

    cells: Sequence[Text]
    note: str | None = None


def print_table(console: Console, columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """Writes it, as wide as it must be; on a terminal, no wider than that."""
    widths = [
        max(cell_len(column.title), *(cell_len(row.cells[index].plain) for row in rows), 0)
        for index, column in enumerate(columns)
    ]
    if console.is_terminal:
        widths = _fitted(columns, widths, console.width)
    heads = [Text(column.title, style="dim") for column in columns]
    write(console, _line(columns, widths, heads))
    for row in rows:
        write(console, _line(columns, widths, row.cells))
        if row.note:
            note(console, row.note)


def note(console: Console, text: str, indent: int = 4, style: str = "") -> None:
    """Prose below something: wrapped on a terminal, one line elsewhere."""
    prose = Text(plain(text), style=style)
    room = console.width - indent
    lines = prose.wrap(console, room) if console.is_terminal and room > 20 else [prose]
    for line in lines:
        line.rstrip()
        write(console, Text.assemble(" " * indent, line))


def write(console: Console, text: Text | str) -> None:
    """One line, whole: what is cut in two can't be searched for."""
    console.print(text, soft_wrap=True, markup=False, highlight=False, emoji=False)


def _fitted(columns: Sequence[Column], widths: list[int], room: int) -> list[int]:
    excess = sum(widths) + _GAP * (len(widths) - 1) - room
    fitted = list(widths)
    givers = [index for index, column in enumerate(columns) if column.gives]
    for index in sorted(givers, key=lambda each: -widths[each]):
        given = max(0, min(excess, fitted[index] - max(_LEAST, cell_len(columns[index].title))))
        fitted[index] -= given
        excess -= given
    return fitted


def _line(columns: Sequence[Column], widths: Sequence[int], cells: Sequence[Text]) -> Text:
    line = Text()
    for index, (column, width, cell) in enumerate(zip(columns, widths, cells, strict=True)):
        shown, style = cell.plain, cell.style
        if cell_len(shown) > width:
            shown = set_cell_size(shown, width - 1).rstrip() + "…"
        space = " " * (width - cell_len(shown))
        line.append(space if column.right else "").append(shown, style=style)
        line.append("" if column.right else space)
        line.append(" " * _GAP if index < len(columns) - 1 else "")
    line.rstrip()
    return line
