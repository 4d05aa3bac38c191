"""`repairs`: what the platform put right by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from cli import times, words
from cli.api import Json
from cli.session import Session, with_session
from cli.table import Column, Row, print_table

_COLUMNS = (Column("WHEN"), Column("KIND"), Column("OF", gives=True))


@with_session
def repairs(
    session: Session,
    agent: Annotated[
        str | None, typer.Option("--agent", metavar="SLUG", help="Those of one agent; its slug or id.")
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many, the newest first.")] = 20,
) -> None:
    """What differed between Temporal, Postgres and LiveKit and was put right, newest first."""
    found = session.api.items("/api/repairs", {"agent": agent}, limit=limit)
    if session.out.as_json:
        session.out.document({"items": found})
        return
    if not found:
        session.out.say("Nothing had to be put right in the last 30 days.")
        return
    now = datetime.now(UTC)
    print_table(session.out.people, _COLUMNS, [_row(each, now) for each in found])


def _row(repair: Json, now: datetime) -> Row:
    return Row(
        [
            Text(times.ago(times.parsed(repair.get("at")), now)),
            Text(words.plain(repair.get("kind", words.NOTHING))),
            Text(words.plain(repair.get("subject", words.NOTHING))),
        ],
        note=str(repair.get("what") or ""),
    )
