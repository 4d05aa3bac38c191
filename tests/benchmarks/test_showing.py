"""The table, the README and the command line."""

from __future__ import annotations

import io
import math
import sys
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import __main__ as command
from benchmarks.measure import TIMES, Goal, Result, Series
from benchmarks.readme import BEGIN, END, README, MarkersMissing, block, replaced, write
from benchmarks.run import FIGURES
from benchmarks.table import COLUMNS, markdown_table, notes, row, terminal_table

pytestmark = pytest.mark.unit

MET = Result("deploy", "s", Series((0.05,)), Series((5.0,)), Goal(at_most=0.1, better_by=50))
MISSED = Result(
    "join", "s", Series((0.5, math.inf)), Series((0.3,)), Goal(share_of_stock=1.1), note="two | one"
)
PLAIN = Result("events", "events", Series((34,)))
DAY = date(2026, 11, 23)


def test_a_row_says_all() -> None:
    goal = f"≤ 0.1 s and ≥ 50{TIMES} faster"
    assert row(MET) == ("deploy", "50 ms", "5.00 s", f"100{TIMES} faster", goal, "met")
    assert row(MISSED)[-1] == "MISSED"
    assert row(PLAIN) == ("events", "34 events", "", "", "", "")


def test_the_terminal_table_shows_every_cell() -> None:
    console = Console(width=200, file=io.StringIO())
    console.print(terminal_table([MET, MISSED, PLAIN]))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for result in (MET, MISSED, PLAIN):
        assert all(cell in shown for cell in row(result))


def test_markdown_has_a_line_each_and_escapes_pipes() -> None:
    lines = markdown_table([MET, Result("a|b", "s", Series((1,)))]).splitlines()
    assert len(lines) == 4
    assert lines[1].count("---") == len(COLUMNS)
    assert "a\\|b" in lines[3]


def test_only_results_with_a_remark_have_notes() -> None:
    assert notes([MET, MISSED]) == ["join: two | one"]


def test_only_what_is_between_the_markers_changes() -> None:
    text = f"before\n{BEGIN}\nold\nold\n{END}\nafter\n"
    once = replaced(text, "new")
    assert once == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    assert replaced(once, "new") == once


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}\n{BEGIN}"])
def test_a_readme_without_markers_is_left_alone(text: str) -> None:
    with pytest.raises(MarkersMissing):
        replaced(text, "new")


def test_a_block_names_day_machine_figures_and_remarks() -> None:
    text = block([MET, MISSED], ["two cores"], DAY)
    assert "2026-11-23" in text
    assert "- two cores" in text
    assert markdown_table([MET, MISSED]) in text
    assert "join: two | one" in text


def test_the_readme_is_rewritten_in_place(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"# Title\n{BEGIN}\n{END}\nend\n")
    write([MET], ["two cores"], DAY, path)
    text = path.read_text()
    assert text.startswith("# Title\n")
    assert text.endswith("end\n")
    assert "| deploy |" in text


def test_our_own_readme_has_a_place_for_figures() -> None:
    assert "new" in replaced(README.read_text(), "new")


@pytest.mark.parametrize(
    "arguments", [["--write", "--quick"], ["--write", "--only", "join"], ["--only", "x"]]
)
def test_impossible_wishes_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err


def test_figures_run_in_their_own_order() -> None:
    parsed = command._parser().parse_args(["--only", "join,deploy"])
    assert parsed.only == ["deploy", "join"]
    assert command._parser().parse_args([]).only == list(FIGURES)
