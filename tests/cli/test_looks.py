"""How it looks: times, tables and colours, on terminals of any width and on none."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console
from rich.text import Text

from cli import times, words
from cli.output import Output
from cli.table import Column, Row, note, print_table

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
COLUMNS = (Column("AGENT"), Column("NAME", gives=True), Column("STATUS"), Column("CALLS", right=True))


def _terminal(width: int, *, plain: bool = False) -> Console:
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        color_system="standard",
        no_color=plain,
        width=width,
        _environ={},
    )


def _said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _without_escapes(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _row(name: str = "Front desk", error: str | None = None) -> Row:
    return Row([Text("front-desk"), Text(name), words.state("failed"), Text("0")], error)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-3, "just now"),
        (0.4, "just now"),
        (12, "12 s ago"),
        (200, "3 min ago"),
        (7300, "2 h ago"),
        (259_200, "3 days ago"),
    ],
)
def test_how_long_ago(seconds: float, shown: str) -> None:
    assert times.ago(NOW - timedelta(seconds=seconds), NOW) == shown


def test_moments_that_are_none() -> None:
    assert times.ago(times.parsed(None), NOW) == "—"
    assert times.parsed("soon") is None
    assert times.moment(None) == "—"
    assert times.clock(None) == "--:--:--"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0 ms"),
        (0.04, "40 ms"),
        (1.64, "1.6 s"),
        (9.97, "10 s"),
        (59.7, "1:00 min"),
        (185, "3:05 min"),
        (3727, "1:02:07 h"),
    ],
)
def test_how_long_it_took(seconds: float, shown: str) -> None:
    assert times.lasted(seconds) == shown


def test_spans() -> None:
    assert times.span("1h30m") == timedelta(minutes=90)
    assert times.span("2d") == timedelta(days=2)
    for text in ("", "1", "h", "1 h", "-1h", "1h later", "99999999999999d"):
        with pytest.raises(ValueError, match="“"):
            times.span(text)


def test_a_state_is_its_word_and_only_then_a_colour() -> None:
    terminal = _terminal(80)
    print_table(terminal, COLUMNS, [_row()])
    assert "\x1b[31mfailed\x1b[0m" in _said(terminal)
    bare = _terminal(80, plain=True)
    print_table(bare, COLUMNS, [_row()])
    assert "\x1b[31m" not in _said(bare)
    assert "failed" in _said(bare)


def test_unknown_states_are_words_too() -> None:
    assert (words.state("pondering").plain, words.state(None).plain) == ("pondering", "—")


def test_a_narrow_terminal_cuts_names_and_never_what_commands_need() -> None:
    terminal = _terminal(40)
    print_table(terminal, COLUMNS, [_row("A very long name that nobody needs in full")])
    lines = _without_escapes(_said(terminal)).splitlines()
    assert max(len(each) for each in lines) <= 40
    assert lines[1].startswith("front-desk  A very lo")
    assert "…" in lines[1]
    assert lines[1].endswith("failed      0")


def test_wide_characters_keep_the_columns() -> None:
    terminal = _terminal(80)
    print_table(terminal, COLUMNS, [_row("前台"), _row("Desk")])
    lines = _without_escapes(_said(terminal)).splitlines()
    assert lines[1] == "front-desk  前台  failed      0"
    assert lines[2] == "front-desk  Desk  failed      0"


def test_notes_wrap_on_terminals_and_are_one_line_elsewhere() -> None:
    text = "LiveKit refused the API key. Check Settings → LiveKit."
    terminal = _terminal(40)
    print_table(terminal, COLUMNS, [_row(error=text)])
    wrapped = _without_escapes(_said(terminal)).splitlines()[2:]
    assert [each.strip() for each in wrapped] == ["LiveKit refused the API key. Check", "Settings → LiveKit."]
    file = Console(file=io.StringIO(), width=40, _environ={})
    note(file, text)
    assert _said(file) == f"    {text}\n"


def test_a_line_that_changes_in_place_makes_room_for_the_story() -> None:
    terminal, out = _terminal(80), Output()
    out.people = terminal
    with terminal.status("starting  2.1 s"):
        out.say("  12:00:00  starting")
        out.say("  12:00:02  running")
    assert "\x1b[2K  12:00:02  running\n" in _without_escapes(_said(terminal))


def test_text_of_others_is_made_safe() -> None:
    assert words.plain("\x1b]0;title\x07a\x1b[2Jb\r\nc\x1b") == "ab  c"
