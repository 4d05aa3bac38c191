"""`agents`, `create`, `config`, `delete`: what there is and what it is made of."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cli import story, times, words
from cli.api import Json, path_to
from cli.arguments import Slug, read_config
from cli.errors import Failed
from cli.session import Session, with_session
from cli.table import Column, Row, note, print_table

_COLUMNS = (
    Column("AGENT"),
    Column("NAME", gives=True),
    Column("STATUS"),
    Column("LIVE", right=True),
    Column("REPLICAS", right=True),
    Column("CALLS", right=True),
    Column("TODAY", right=True),
)
_WORST_FIRST = ("failed", "degraded", "draining", "validating", "starting", "running", "stopped", "draft")

agents = typer.Typer(help="The agents, and how each is.", invoke_without_command=True)


@agents.callback()
@with_session
def list_agents(session: Session) -> None:
    """The agents, and how each is."""
    found = session.api.items("/api/agents")
    if session.out.as_json:
        session.out.document({"items": found})
        return
    if not found:
        session.out.say("No agents yet. Make one: bionic create NAME --config FILE.json")
        return
    print_table(session.out.people, _COLUMNS, [_row(each) for each in found])
    session.out.say("")
    session.out.say(_summary(found))


def _row(agent: Json) -> Row:
    cells = [
        Text(words.plain(agent.get("slug", words.NOTHING))),
        Text(words.plain(agent.get("name", words.NOTHING))),
        words.state(agent.get("status")),
        words.version(agent.get("liveVersion")),
        _replicas(agent),
        words.number(agent.get("activeCalls")),
        words.number(agent.get("callsToday")),
    ]
    error, trial = agent.get("lastError"), _trial(agent)
    notes = [f"last error: {error}" if error else "", f"canary: {trial}" if trial else ""]
    return Row(cells, "; ".join(filter(None, notes)) or None)


def _trial(agent: Json) -> str:
    """The version on trial, if there is one."""
    share = agent.get("canary")
    if not isinstance(share, dict):
        return ""
    return f"version {words.plain(share.get('version'))} gets {share.get('percent'):g} % of new calls"


def _registration(replica: Json) -> Text:
    """`v3 replica 2 on host-1: running, attempt 2`."""
    attempt = replica.get("attempt")
    text = Text.assemble(
        f"v{words.plain(replica.get('version'))} replica {words.plain(replica.get('number'))} on ",
        words.plain(replica.get("host") or "no host yet"),
        ": ",
        words.state(replica.get("status")),
    )
    return text.append(f", attempt {attempt}" if isinstance(attempt, int) and attempt > 1 else "")


def _replicas(agent: Json) -> Text:
    replicas = agent.get("replicas") or {}
    ready, desired = replicas.get("ready", 0), replicas.get("desired", 0)
    return Text(f"{words.plain(ready)}/{words.plain(desired)}", style="" if ready == desired else "yellow")


def _summary(found: list[Json]) -> Text:
    """`5 agents: 1 failed, 4 running; 2 calls now`."""
    counts = Counter(str(each.get("status")) for each in found)
    order = sorted(counts, key=lambda word: _WORST_FIRST.index(word) if word in _WORST_FIRST else -1)
    text = Text(words.counted(len(found), "agent") + ": ")
    for index, word in enumerate(order):
        text.append(", " if index else "").append(words.state(word, f"{counts[word]} {word}"))
    calls = sum(each.get("activeCalls") or 0 for each in found)
    return text.append(f"; {words.counted(calls, 'call')} now")


@agents.command("show")
@with_session
def show_agent(session: Session, slug: Slug) -> None:
    """One agent with the deployment that it works on or keeps up."""
    agent = session.api.get(path_to("agents", slug))
    if session.out.as_json:
        session.out.document(agent)
        return
    now = datetime.now(UTC)
    session.out.say(
        Text.assemble((words.plain(agent.get("slug")), "bold"), f"  {words.plain(agent.get('name'))}")
    )
    changed = times.ago(times.parsed(agent.get("updatedAt")), now)
    for label, value in (
        ("Status", words.state(agent.get("status"))),
        ("Live", words.version(agent.get("liveVersion"))),
        *([("Canary", Text(trial))] if (trial := _trial(agent)) else []),
        ("Replicas", Text.assemble(_replicas(agent), " ready")),
        *(("", _registration(each)) for each in agent.get("registrations") or []),
        (
            "Calls",
            Text(
                f"{words.number(agent.get('activeCalls'))} now, {words.number(agent.get('callsToday'))} today"
            ),
        ),
        ("Changed", Text(changed)),
    ):
        session.out.say(Text.assemble("  ", (f"{label:<10}", "dim"), value))
    if agent.get("lastError"):
        note(session.out.people, f"Last error: {agent['lastError']}", indent=2, style="red")
    if agent.get("deployment"):
        session.out.say("")
        story.tell(session.out, agent["deployment"], now)


@with_session
def create(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call the agent.")],
    config: Annotated[Path, typer.Option(metavar="FILE", help="Its config as JSON; - reads standard input.")],
    slug: Annotated[
        str | None, typer.Option(metavar="SLUG", help="Its name in addresses; else made of NAME.")
    ] = None,
) -> None:
    """Make an agent; its config is a draft until it is deployed."""
    body: Json = {"name": name, "config": read_config(config, "--config")}
    if slug is not None:
        body["slug"] = slug
    agent = session.api.post("/api/agents", body)
    if session.out.as_json:
        session.out.document(agent)
        return
    made = words.plain(agent.get("slug"))
    session.out.say(Text.assemble((made, "bold"), " is a ", words.state(agent.get("status")), "."))
    session.out.say(f"  Bring it up: bionic deploy {made}")


@with_session
def config(
    session: Session,
    slug: Slug,
    new: Annotated[
        Path | None,
        typer.Option("--set", metavar="FILE", help="Replace it by this JSON; - reads standard input."),
    ] = None,
) -> None:
    """Print an agent's draft, or replace it. Secrets are never shown; sent back as shown they are kept."""
    path = path_to("agents", slug)
    if new is None:
        session.out.document(session.api.get(path).get("config"))
        return
    agent = session.api.patch(path, {"config": read_config(new, "--set")})
    if session.out.as_json:
        session.out.document(agent)
        return
    shown = words.plain(agent.get("slug"))
    session.out.say(
        Text.assemble("The draft of ", (shown, "bold"), " is replaced; what is deployed goes on unchanged.")
    )
    session.out.say(f"  Bring it up: bionic deploy {shown}")


@with_session
def delete(
    session: Session,
    slug: Slug,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete an agent that is not deployed, with its versions, its calls and what was said in them."""
    name = words.plain(slug)
    if not yes and not typer.confirm(f"Delete {name} with all its versions and calls, for ever?", err=True):
        raise Failed(f"{name} is not deleted.")
    session.api.delete(path_to("agents", slug))
    if session.out.as_json:
        session.out.document({"deleted": slug})
        return
    session.out.say(f"{name} is deleted.")
