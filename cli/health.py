"""`health`: whether everything that calls need is there."""

from __future__ import annotations

import typer
from rich.text import Text

from cli import words
from cli.errors import ExitCode
from cli.session import Session, with_session
from cli.table import Column, Row, print_table

_COLUMNS = (Column("PART"), Column("STATUS"))


@with_session
def health(session: Session) -> None:
    """Whether every part of the platform answers. Exit code 1 when one does not."""
    answer = session.api.health()
    parts = answer["components"].items()
    down = [words.plain(name) for name, part in parts if part.get("status") not in {"ok", "degraded"}]
    limited = [words.plain(name) for name, part in parts if part.get("status") == "degraded"]
    if session.out.as_json:
        session.out.document(answer)
    else:
        rows = [
            Row([Text(words.plain(name)), words.state(part.get("status"))], part.get("detail"))
            for name, part in parts
        ]
        print_table(session.out.people, _COLUMNS, rows)
        session.out.say("")
        session.out.say(_verdict(down, limited))
        if (down or limited) and session.api.access.key is None:
            session.out.say("  With an API key, it says what is wrong.")
    raise typer.Exit(ExitCode.FAILED if down else ExitCode.OK)


def _verdict(down: list[str], limited: list[str]) -> Text:
    if down:
        return Text(f"Not all is well: {', '.join(down + limited)}.", style="red")
    if limited:
        return Text(f"Everything answers, but not all is well: {', '.join(limited)}.", style="yellow")
    return Text("Everything answers.", style="green")
