"""Text of others made safe for a terminal, and states in their words and colours."""

from __future__ import annotations

import re

from rich.text import Text

_COLOURS = {
    "running": "green",
    "ok": "green",
    "ready": "green",
    "degraded": "yellow",
    "draining": "yellow",
    "recovering": "yellow",
    "cordoned": "yellow",
    "up": "green",
    "drained": "blue",
    "delivered": "green",
    "pending": "blue",
    "dead": "red",
    "failing": "yellow",
    "disabled": "red",
    "silent": "red",
    "gone": "bright_black",
    "warning": "yellow",
    "failed": "red",
    "down": "red",
    "error": "red",
    "critical": "red",
    "validating": "blue",
    "starting": "blue",
    "draft": "bright_black",
    "stopped": "bright_black",
    "debug": "bright_black",
}
NOTHING = "—"
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


def plain(value: object) -> str:
    """One line that moves no cursor and changes no colour, whoever wrote it."""
    text = _ESCAPES.sub("", str(value))
    return "".join(char if char.isprintable() else " " for char in text).rstrip()


def state(word: object, shown: str | None = None) -> Text:
    """A state: always the word, and its colour where there are colours."""
    text = plain(word or NOTHING)
    return Text(plain(shown) if shown is not None else text, style=_COLOURS.get(text.lower(), ""))


def number(value: object) -> Text:
    """A figure, or a dash where there is none."""
    return Text(NOTHING if value is None else plain(value))


def version(value: object) -> Text:
    """`v3`, or a dash."""
    return Text(NOTHING if value is None else f"v{plain(value)}")


def counted(count: object, one: str, many: str | None = None) -> str:
    """`1 call`, `2 calls`."""
    return f"{plain(count)} {one if count == 1 else many or one + 's'}"
