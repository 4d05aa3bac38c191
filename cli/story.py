"""The story of a deployment, a line for each change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.text import Text

from cli import times, words
from cli.api import Json
from cli.output import Output
from common.status import Status

_MEANING = {
    Status.VALIDATING: "checking the config, the providers and LiveKit",
    Status.STARTING: "registering with LiveKit",
    Status.RUNNING: "takes calls",
    Status.DEGRADED: "takes calls, but not all is well",
    Status.DRAINING: "takes no new calls; running ones may finish",
    Status.STOPPED: "nothing of it is left",
}
_STATE_WIDTH = max(len(status) for status in Status)


def meaning(status: object) -> str:
    """What a deployment does in this state."""
    return _MEANING.get(str(status), "")  # type: ignore[call-overload,no-any-return]  # a status is its word


def transitions(deployment: Json) -> list[Json]:
    """All that happened to it, in order."""
    found = deployment.get("transitions")
    return list(found) if isinstance(found, list) else []


def lines(told: list[Json]) -> Iterator[Text]:
    """One line a change: when, how long after the one before, what, and why."""
    before: datetime | None = None
    for each in told:
        at = times.parsed(each.get("at"))
        if at and before and times.day(at) != times.day(before):
            yield Text(f"  {times.day(at)}", style="dim")
        yield line(each, before, explained=words.plain(each.get("reason") or ""))
        before = at or before


def line(transition: Json, before: datetime | None, explained: str) -> Text:
    """`12:04:31  +0.8 s  starting    registering with LiveKit`."""
    at = times.parsed(transition.get("at"))
    passed = f"+{times.lasted((at - before).total_seconds())}" if at and before else ""
    shown = words.state(transition.get("status"))
    text = Text.assemble("  ", (times.clock(at), "dim"), "  ", (f"{passed:<10}", "dim"), "  ", shown)
    attempt = transition.get("attempt")
    if isinstance(attempt, int) and attempt > 1:
        explained = f"{explained} (attempt {attempt})".lstrip()
    if explained:
        text.append(" " * max(2, _STATE_WIDTH + 2 - len(shown.plain))).append(explained)
    return text


def tell(out: Output, deployment: Json, now: datetime, *, link: bool = True) -> None:
    """A title and the whole story of one deployment."""
    created = times.parsed(deployment.get("createdAt"))
    title = Text.assemble(
        (f"version {words.plain(deployment.get('version'))}", "bold"),
        "  ",
        words.state(deployment.get("status")),
        "  rollback" if deployment.get("kind") == "rollback" else "",
        f"  {words.counted(deployment.get('replicas'), 'replica')}",
        f"  {times.ago(created, now)} by {words.plain(deployment.get('actor'))}",
        (f"  {times.moment(created)}  {words.plain(deployment.get('id'))}", "dim"),
    )
    out.say(title)
    told = transitions(deployment)
    for each in lines(told):
        out.say(each)
    if not told and deployment.get("reason"):  # it failed before Temporal heard of it
        out.say(f"  {words.plain(deployment['reason'])}")
    if link and deployment.get("workflowUrl"):
        out.say(f"  Temporal: {words.plain(deployment['workflowUrl'])}")
