"""Watching a deployment until it has come true or come to grief."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from rich.console import Console
from rich.text import Text

from cli import story, times, words
from cli.api import Api, Json, path_to
from cli.errors import CliError
from cli.interrupts import Interrupts
from cli.output import Output
from common.status import Status

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 2.0


@dataclass(frozen=True)
class Goal:
    """What a deployment shall become, and what makes that impossible."""

    reached: Status
    lost: frozenset[Status]

    def settled(self, status: object) -> bool:
        """Whether the wait ends here."""
        return status == self.reached or status in self.lost


RUN = Goal(Status.RUNNING, frozenset({Status.FAILED, Status.STOPPED, Status.DRAINING}))
STOP = Goal(Status.STOPPED, frozenset({Status.FAILED, Status.RUNNING}))


@dataclass(frozen=True)
class Watched:
    """How the wait ended: `settled` is the change that ended it; without, time was up or Ctrl-C pressed."""

    deployment: Json
    settled: Json | None
    seconds: float
    interrupted: bool = False


@dataclass
class Watch:
    """Asks again and again, at growing intervals of two seconds at most, and tells each change once.

    Time is counted from when this was made: make it before the wish is sent.
    """

    api: Api
    out: Output
    goal: Goal
    timeout: float
    interrupts: Interrupts = field(default_factory=Interrupts)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _away: bool = False

    def __post_init__(self) -> None:
        self._began = self.clock()

    def until_settled(self, deployment: Json, title: Text, known: int) -> Watched:
        """Waits, below a title. The first `known` changes are old news.

        Raises:
            CliError: the API refuses, or is away still when the time is up.
        """
        began = self._began
        before: datetime | None = None
        try:
            self.out.say(title)
            with _spinning(self.out.people, deployment) as spin:
                for current in self._looks(deployment, began + self.timeout):
                    told, deployment = story.transitions(current)[known:], current
                    known += len(told)
                    for each in told:
                        self.out.say(story.line(each, before, self._explained(each)))
                        before = times.parsed(each.get("at")) or before
                        if self.goal.settled(each.get("status")):
                            return Watched(current, each, self.clock() - began)
                    spin(current)
        except KeyboardInterrupt:
            return Watched(deployment, None, self.clock() - began, interrupted=True)
        return Watched(deployment, None, self.clock() - began)

    def _explained(self, change: Json) -> str:
        """Why, or what it does now. The reason of a failure is kept for the last word."""
        if change.get("status") in self.goal.lost:
            return ""
        return words.plain(change.get("reason") or story.meaning(change.get("status")))

    def _looks(self, deployment: Json, deadline: float) -> Iterator[Json]:
        """The deployment as it is, and as it is later, until time is up."""
        yield deployment
        pause = _FIRST_PAUSE
        while (left := deadline - self.clock()) > 0:
            self.sleep(min(pause, left))
            self.interrupts.look()
            pause = min(_LONGEST_PAUSE, pause * 1.4)
            found = self._look(deployment, deadline)
            if found is not None:
                yield found

    def _look(self, deployment: Json, deadline: float) -> Json | None:
        """The deployment now; None while the API is away, which ends no deployment."""
        try:
            found = self.api.get(path_to("deployments", str(deployment["id"])))
        except CliError as error:
            if not error.passing or self.clock() >= deadline:
                raise
            if not self._away:
                self.out.say(
                    Text(f"  {words.plain(error.message)} The deployment goes on; asking again.", "yellow")
                )
            self._away = True
            return None
        self._away = False
        return found


class _Waiting:
    """The line that changes in place: what it is doing, and since when."""

    def __init__(self, deployment: Json) -> None:
        self._status = deployment.get("status")
        self._since = time.monotonic()

    def show(self, deployment: Json) -> None:
        """Take the state of `deployment`."""
        if deployment.get("status") != self._status:
            self._status, self._since = deployment.get("status"), time.monotonic()

    def __rich__(self) -> Text:
        passed = times.lasted(time.monotonic() - self._since)
        text = Text.assemble(words.state(self._status), f"  {passed}", overflow="ellipsis", no_wrap=True)
        meaning = story.meaning(self._status)
        return text.append(f"  {meaning}" if meaning else "", style="dim")


@contextmanager
def _spinning(console: Console, deployment: Json) -> Iterator[Callable[[Json], None]]:
    """A line below the story, on terminals that can change it in place."""
    waiting = _Waiting(deployment)
    if not console.is_terminal or console.is_dumb_terminal:
        yield waiting.show
        return
    with console.status(waiting, spinner="dots"):
        yield waiting.show
