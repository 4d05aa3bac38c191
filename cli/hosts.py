"""`hosts`: the processes that carry the agents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeGuard

import typer
from rich.text import Text

from cli import times, words
from cli.api import Json, path_to
from cli.arguments import HostName
from cli.session import Session, with_session
from cli.table import Column, Row, print_table

_COLUMNS = (
    Column("HOST"),
    Column("VERSION", gives=True),
    Column("STATE"),
    Column("AGENTS", right=True),
    Column("CALLS", right=True),
    Column("CPU", right=True),
    Column("MEMORY", right=True),
    Column("SEEN"),
)
_DONE = {
    "cordon": "is cordoned: it takes no more agents, and keeps those it has.",
    "uncordon": "takes agents again.",
    "drain": "is draining: its agents move to other hosts, and running calls may finish.",
}

hosts = typer.Typer(help="The hosts that carry the agents.", invoke_without_command=True)


@hosts.callback()
@with_session
def list_hosts(session: Session) -> None:
    """The hosts that carry the agents, and how busy each is."""
    found = session.api.items("/api/hosts")
    if session.out.as_json:
        session.out.document({"items": found})
        return
    if not found:
        session.out.say("No host takes work, so no agent can run. Start one: python -m workers.runtime")
        return
    now = datetime.now(UTC)
    print_table(session.out.people, _COLUMNS, [_row(each, now) for each in found])


def _row(host: Json, now: datetime) -> Row:
    return Row(
        [
            Text(words.plain(host.get("name", words.NOTHING))),
            words.number(host.get("version")),
            words.state(_state(host)),
            words.number(host.get("agents")),
            words.number(host.get("activeCalls")),
            Text(share(host.get("cpu"))),
            Text(amount(host.get("memory"))),
            Text(times.ago(times.parsed(host.get("lastSeenAt")), now)),
        ]
    )


def _state(host: Json) -> str:
    """The API's own word, else what `cordoned` says."""
    if host.get("status"):
        return str(host["status"])
    return "cordoned" if host.get("cordoned") else "ready"


def share(value: object) -> str:
    """A load from 0 to 1 as percent."""
    return f"{value * 100:.0f} %" if _is_number(value) else words.NOTHING


def amount(value: object) -> str:
    """A share from 0 to 1 as percent; more than that are bytes."""
    if not _is_number(value):
        return words.NOTHING
    if value <= 1:
        return share(value)
    mebibytes = value / 2**20
    return f"{mebibytes / 1024:.1f} GiB" if mebibytes >= 1024 else f"{mebibytes:.0f} MiB"


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


@hosts.command()
@with_session
def cordon(session: Session, name: HostName) -> None:
    """Give the host no more agents; those it has stay."""
    _tell(session, name, "cordon")


@hosts.command()
@with_session
def uncordon(session: Session, name: HostName) -> None:
    """Give the host agents again."""
    _tell(session, name, "uncordon")


@hosts.command()
@with_session
def drain(session: Session, name: HostName) -> None:
    """Move the host's agents to other hosts; running calls may finish."""
    _tell(session, name, "drain")


def _tell(session: Session, name: str, verb: str) -> None:
    answer = session.api.post(path_to("hosts", name, verb))
    if session.out.as_json:
        session.out.document(answer)
        return
    session.out.say(Text.assemble((words.plain(name), "bold"), f" {_DONE[verb]}"))
