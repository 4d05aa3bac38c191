"""`versions`: what was published of an agent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from cli import times, words
from cli.api import Json, path_to
from cli.arguments import Slug
from cli.session import Session, with_session
from cli.table import Column, Row, print_table

_COLUMNS = (
    Column("VERSION", right=True),
    Column("PUBLISHED"),
    Column("BY", gives=True),
    Column("DEPLOYED", right=True),
    Column("LAST"),
    Column(""),
)


@with_session
def versions(
    session: Session,
    slug: Slug,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many, the newest first.")] = 20,
) -> None:
    """An agent's published versions, newest first: what `deploy` and `rollback` take as --version."""
    found = session.api.items(path_to("agents", slug, "versions"), limit=limit)
    if session.out.as_json:
        session.out.document({"items": found})
        return
    if not found:
        name = words.plain(slug)
        session.out.say(f"Nothing of {name} is published yet. Deploy it: bionic deploy {name}")
        return
    now = datetime.now(UTC)
    print_table(session.out.people, _COLUMNS, [_row(each, now) for each in found])


def _row(version: Json, now: datetime) -> Row:
    last = times.parsed(version.get("lastDeployedAt"))
    cells = [
        words.version(version.get("number")),
        Text(times.ago(times.parsed(version.get("createdAt")), now)),
        Text(words.plain(version.get("author", words.NOTHING))),
        Text(f"{words.plain(version.get('deployments', 0))}x"),
        Text(times.ago(last, now) if last else "never"),
        Text("live" if version.get("live") else ""),
    ]
    return Row(cells, note=str(version["note"]) if version.get("note") else None)
