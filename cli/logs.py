"""`logs`: what an agent's processes said."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from cli import times, words
from cli.api import Api, Json, path_to
from cli.arguments import Slug
from cli.errors import CliError
from cli.output import Output
from cli.session import Session, with_session

_PAUSE = 1.0
_PAGE = 1000
"""Lines asked for at once: a talkative agent has tens of thousands of them."""
_LEVEL_WIDTH = 9
_OVERLAP = timedelta(seconds=5)
"""Lines of several processes come in late: so much is asked for again; what was shown is not shown twice."""
_PATIENCE = 60.0
"""Seconds for which the API may be away before following ends."""


class Level(StrEnum):
    """The least that is shown."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _span(text: str) -> timedelta:
    try:
        return times.span(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@with_session
def logs(
    session: Session,
    slug: Slug,
    since: Annotated[
        timedelta,
        typer.Option(metavar="SPAN", parser=_span, help="How far back: 90s, 15m, 1h, 2d.", show_default="1h"),
    ] = "1h",  # type: ignore[assignment]  # parsed as if it were typed
    level: Annotated[Level | None, typer.Option(help="The least level that is shown.")] = None,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as lines come in, until Ctrl-C.")
    ] = False,
) -> None:
    """What an agent and its calls wrote to their logs, oldest first."""
    reader = LogReader(session.api, slug, level, datetime.now(UTC) - since)
    fresh = reader.fresh()
    if not follow:
        if session.out.as_json:
            session.out.document({"items": fresh})
        elif not fresh:
            session.out.say(
                f"Nothing in the last {times.lasted(since.total_seconds())}. --since looks further back."
            )
        else:
            _show(session.out, fresh)
        return
    _show(session.out, fresh)
    for lines in _following(reader, session.out):
        _show(session.out, lines)


@dataclass
class LogReader:
    """Reads what is new; each line once, however pages and clocks overlap."""

    api: Api
    slug: str
    level: Level | None
    since: datetime
    _shown: dict[tuple[str, ...], datetime] = field(default_factory=dict)

    def fresh(self) -> list[Json]:
        """The lines that came since the last time, oldest first."""
        query = {"since": self.since.isoformat(), "level": self.level.value if self.level else None}
        found = self.api.items(path_to("agents", self.slug, "logs"), query, page_size=_PAGE)
        new = []
        for each in sorted(found, key=_at):
            mark = tuple(str(each.get(name)) for name in ("at", "level", "source", "callId", "text"))
            if mark not in self._shown:
                self._shown[mark] = _at(each)
                new.append(each)
        if new:
            again = max(self._shown.values()) - _OVERLAP
            self.since = max(self.since, again)
            self._shown = {mark: at for mark, at in self._shown.items() if at >= again}
        return new


def _at(entry: Json) -> datetime:
    return times.parsed(entry.get("at")) or datetime.fromtimestamp(0, UTC)


def _following(reader: LogReader, out: Output) -> Iterator[list[Json]]:
    """New lines as they come. The API may go away for a while, as in an update."""
    away_since: float | None = None
    while True:
        time.sleep(_PAUSE)
        try:
            lines = reader.fresh()
        except CliError as error:
            now = time.monotonic()
            if not error.passing or (away_since is not None and now - away_since > _PATIENCE):
                raise
            if away_since is None:
                away_since = now
                out.errors.print(
                    Text(f"{words.plain(error.message)} Asking again.", style="yellow"), soft_wrap=True
                )
        else:
            away_since = None
            yield lines


def _show(out: Output, entries: list[Json]) -> None:
    for each in entries:
        if out.as_json:
            out.line(each)
        else:
            out.say(_line(each))


def _line(entry: Json) -> Text:
    level = str(entry.get("level") or "").lower()
    source = words.plain(entry.get("source") or "")
    call = words.plain(entry.get("callId") or "")
    where = f"{source} {call[:8]}".strip()
    return Text.assemble(
        (times.moment(times.parsed(entry.get("at"))), "dim"),
        "  ",
        words.state(level),
        " " * max(1, _LEVEL_WIDTH - len(level)),
        (f"{where}  " if where else "", "dim"),
        "\n    ".join(words.plain(each) for each in str(entry.get("text") or "").splitlines()),
    )
