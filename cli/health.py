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
    good = answer.get("status") == "ok"
    if session.out.as_json:
        session.out.document(answer)
    else:
        parts = answer["components"].items()
        rows = [
            Row([Text(words.plain(name)), words.state(part.get("status"))], part.get("detail"))
            for name, part in parts
        ]
        print_table(session.out.people, _COLUMNS, rows)
        down = [words.plain(name) for name, part in parts if part.get("status") != "ok"]
        verdict = "Everything answers." if good else f"Not all is well: {', '.join(down)}."
        session.out.say("")
        session.out.say(Text(verdict, style="green" if good else "red"))
        if not good and session.api.access.key is None:
            session.out.say("  With an API key, it says what is wrong.")
    raise typer.Exit(ExitCode.OK if good else ExitCode.FAILED)
