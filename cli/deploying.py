"""`deploy`, `rollback`, `retry`, `stop`: wishes, and how they come true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer
from rich.text import Text

from cli import story, times, words
from cli.api import Json, path_to
from cli.arguments import Slug
from cli.errors import CliError, ExitCode, Interrupted
from cli.interrupts import heeded
from cli.session import Session, with_session
from cli.table import note
from cli.watching import RUN, STOP, Goal, Watch, Watched
from common.status import Status

_RUN_SECONDS = 180.0
_STOP_MARGIN = 300.0
"""Of a stop, beyond the time for which running calls may go on."""
_DRAIN_SECONDS = 3600.0
"""That time, where a platform that is older than this command line does not tell."""
_RECENT = 50

Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Watch until it is done; else return at once.")]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="S", min=1, help="Seconds to watch; what was asked for goes on.")
]

Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Why, for the history.")]


@dataclass(frozen=True)
class Canary:
    """Shares of the new calls for a version on trial, and for how many minutes each."""

    steps: tuple[tuple[float, float], ...]

    @property
    def seconds(self) -> float:
        """How long all steps take at most: one with few calls lasts twice as long."""
        return 2 * 60 * sum(minutes for _, minutes in self.steps)

    def body(self) -> list[Json]:
        """As the API takes it."""
        return [{"percent": percent, "minutes": minutes} for percent, minutes in self.steps]


def _canary(text: str) -> Canary:
    """`5:10,25:30`: five percent for ten minutes, then a quarter for half an hour."""
    try:
        pairs = [part.split(":") for part in text.split(",")]
        return Canary(tuple((float(percent), float(minutes)) for percent, minutes in pairs))
    except ValueError:
        raise typer.BadParameter("write PERCENT:MINUTES for each step, such as 5:10,25:30") from None


@with_session
def deploy(
    session: Session,
    slug: Slug,
    version: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="A published version; else the draft, as it is now."),
    ] = None,
    replicas: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Registrations with LiveKit; else as many as now.")
    ] = None,
    message: Note = None,
    canary: Annotated[
        Canary | None,
        typer.Option(
            metavar="STEPS",
            parser=_canary,
            help="Shares of the new calls first, PERCENT:MINUTES each, such as 5:10,25:30.",
        ),
    ] = None,
    *,
    wait: Wait = True,
    timeout: Timeout = _RUN_SECONDS,
) -> None:
    """Publish the draft and bring it up; callers notice nothing until it runs."""
    body: Json = {"version": version, "replicas": replicas, "note": message}
    if canary:
        body["canary"], timeout = canary.body(), timeout + canary.seconds
    Order(session, slug, "deploy", RUN, timeout).carry_out(_given(body), wait=wait)


@with_session
def rollback(
    session: Session,
    slug: Slug,
    version: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="The version to go back to; else the one before.")
    ] = None,
    message: Note = None,
    *,
    wait: Wait = True,
    timeout: Timeout = _RUN_SECONDS,
) -> None:
    """Go back to an earlier version."""
    body = {"version": version, "note": message}
    Order(session, slug, "rollback", RUN, timeout).carry_out(_given(body), wait=wait)


@with_session
def retry(
    session: Session,
    slug: Slug,
    message: Note = None,
    *,
    wait: Wait = True,
    timeout: Timeout = _RUN_SECONDS,
) -> None:
    """Try a failed deployment again."""
    Order(session, slug, "retry", RUN, timeout).carry_out(_given({"note": message}), wait=wait)


@with_session
def stop(
    session: Session,
    slug: Slug,
    message: Note = None,
    *,
    now: Annotated[bool, typer.Option("--now", help="End running calls; else they may finish.")] = False,
    wait: Wait = True,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="S",
            min=1,
            help="Seconds to watch; else five minutes more than calls may go on. What was asked for goes on.",
        ),
    ] = None,
) -> None:
    """Run no version any more: no new calls, and nothing left once the running ones are over."""
    Order(session, slug, "stop", STOP, timeout).carry_out(
        _given({"drain": not now, "note": message}), wait=wait
    )


def _given(body: Json) -> Json:
    """What of it was given."""
    return {name: value for name, value in body.items() if value is not None}


def _patience(stopped: Json) -> float:
    """How long to watch what was stopped."""
    drains = stopped.get("drainSeconds")
    return _STOP_MARGIN + (drains if isinstance(drains, int | float) else _DRAIN_SECONDS)


class Order:
    """One wish: sent, watched, and told how it ended."""

    def __init__(self, session: Session, slug: str, verb: str, goal: Goal, timeout: float | None) -> None:
        """Without a `timeout` a stop is watched for longer than calls may go on, by what the API says."""
        self._api, self._out = session.api, session.out
        self._slug, self._verb, self._goal, self._timeout = slug, verb, goal, timeout

    def carry_out(self, body: Json, *, wait: bool) -> None:
        """Raises `typer.Exit` with what became of it, `CliError` when the API refuses."""
        try:
            with heeded() as interrupts:
                known = self._known() if wait and self._verb in {"retry", "stop"} else {}
                watch = Watch(self._api, self._out, self._goal, self._timeout or 0.0, interrupts)
                deployment = self._api.post(path_to("agents", self._slug, self._verb), body)
                if wait:
                    watch.timeout = self._timeout or _patience(deployment)
                    title, old = self._title(deployment), known.get(deployment.get("id"), 0)
                    watched = watch.until_settled(deployment, title, old)
        except KeyboardInterrupt:
            look = f"bionic history {words.plain(self._slug)}"
            raise Interrupted(f"Interrupted. The platform may have heard it: see {look}") from None
        if wait:
            code = self._tell(watched)
            self._document(watched.deployment)
            raise typer.Exit(code)
        self._out.say(self._title(deployment))
        status = words.state(deployment.get("status"))
        self._out.say(Text.assemble("  ", status, f"  goes on by itself. {self._look(deployment)}"))
        self._document(deployment)

    def _known(self) -> dict[object, int]:
        """How much had happened to each deployment before: that is not what came of this wish."""
        found = self._api.items(path_to("agents", self._slug, "deployments"), limit=_RECENT)
        return {each.get("id"): len(story.transitions(each)) for each in found}

    def _document(self, deployment: Json) -> None:
        if self._out.as_json:
            self._out.document(deployment)

    def _title(self, deployment: Json) -> Text:
        replicas = words.counted(deployment.get("replicas"), "replica")
        asked = {
            "deploy": "Deploying",
            "rollback": "Rolling back",
            "retry": "Retrying",
            "stop": "Stopping",
        }
        version = f"version {words.plain(deployment.get('version'))}, {replicas}"
        return Text.assemble(f"{asked[self._verb]} ", (words.plain(self._slug), "bold"), f": {version}")

    def _look(self, deployment: Json) -> str:
        return f"See it: bionic deployments show {words.plain(deployment.get('id'))}"

    def _tell(self, watched: Watched) -> ExitCode:
        """How it ended, in words; returns the exit code."""
        subject = f"{words.plain(self._slug)} version {words.plain(watched.deployment.get('version'))}"
        if watched.interrupted:
            self._out.say(Text(f"{subject} goes on without you: Ctrl-C stopped only the watching.", "yellow"))
            self._out.say(f"  {self._look(watched.deployment)}")
            return ExitCode.INTERRUPTED
        if watched.settled is None:
            self._late(subject, watched)
            return ExitCode.FAILED
        status = watched.settled.get("status")
        if status == self._goal.reached:
            ended = Text.assemble(
                f"{subject} is ", words.state(status), f" after {times.lasted(watched.seconds)}."
            )
            self._out.say(ended)
            return ExitCode.OK
        self._trouble(subject, watched)
        return ExitCode.FAILED

    def _late(self, subject: str, watched: Watched) -> None:
        status, limit = words.plain(watched.deployment.get("status")), times.lasted(watched.seconds)
        problem = f"{subject} is {status} after {limit}, not {self._goal.reached}. It goes on by itself."
        note(self._out.errors, problem, indent=0, style="red")
        self._out.say("  What it may wait for: bionic health. To watch longer: --timeout")
        self._hints(watched.deployment)

    def _trouble(self, subject: str, watched: Watched) -> None:
        settled = watched.settled or {}
        reason = settled.get("reason") or "No reason was given; Temporal may tell more."
        note(self._out.errors, f"{subject} {settled.get('status')}: {reason}", indent=0, style="red")
        live = self._live_version()
        if live is not None:
            before = ", as before" if settled.get("status") == Status.FAILED else ""
            self._out.say(f"  Version {live} takes the calls{before}.")
        if settled.get("status") == Status.FAILED:
            slug = words.plain(self._slug)
            self._out.say(
                f"  Once it is cured: bionic retry {slug}; if its config had to change: bionic deploy {slug}"
            )
        self._hints(watched.deployment)

    def _hints(self, deployment: Json) -> None:
        self._out.say(f"  {self._look(deployment)}")
        if url := deployment.get("workflowUrl"):
            self._out.say(f"  Temporal: {words.plain(url)}")

    def _live_version(self) -> int | None:
        """The version that serves in spite of all; unknown when the API is gone meanwhile."""
        try:
            found = self._api.get(path_to("agents", self._slug)).get("liveVersion")
        except CliError:
            return None
        return found if isinstance(found, int) else None
