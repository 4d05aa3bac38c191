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
    "cordoned": "is cordoned: within seconds it takes no more agents. Those it has stay and take calls.",
    "open": "takes agents again, within seconds.",
    "drained": "is being drained: its agents move to other hosts, and running calls may finish.",
}
_AWAY = {
    "cordoned": "will take no agents when it comes back.",
    "open": "will take agents when it comes back.",
    "drained": "will take and keep no agents when it comes back.",
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
            words.state(host.get("status"), _state(host)),
            words.number(host.get("agents")),
            words.number(_calls(host)),
            Text(share(host.get("cpu"))),
            Text(amount(host.get("memory"))),
            Text(times.ago(times.parsed(host.get("lastSeenAt")), now)),
        ]
    )


def _state(host: Json) -> str:
    """The API's own word, with why it is full, or what is wanted of it when it comes back."""
    status, standing, full = (str(host.get(key) or "") for key in ("status", "standing", "full"))
    if full and status in {"up", "cordoned"}:
        return f"{status}, full: {full}"
    if status in {"silent", "gone"} and standing not in {"", "open"}:
        return f"{status}, {standing}"
    return status or words.NOTHING


def _calls(host: Json) -> str | None:
    """`3/24`: how many, of how many it takes."""
    now, most = host.get("activeCalls"), host.get("maxCalls")
    return None if now is None else f"{now}/{most}" if most is not None else str(now)


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
    done = _AWAY if answer.get("status") in {"silent", "gone"} else _DONE
    said = done.get(str(answer.get("standing")), f"is {answer.get('status')}.")
    if answer.get("status") == "drained":
        said = "is drained: it carries no agent and no call."
    session.out.say(Text.assemble((words.plain(name), "bold"), f" {words.plain(said)}"))
    if answer.get("note"):
        session.out.say(Text(words.plain(answer["note"])))
