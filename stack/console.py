"""The terminal: each service's lines under its name, and a closing panel. Else: plain text."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from stack.config import Service
from stack.demo import ANSWERS
from stack.embedded import Stack
from stack.keys import API_KEY_FILE
from stack.stream import LastingStream

# Colours tell services apart; red, amber and green are kept for states.
_COLOURS = {
    Service.POSTGRES: "blue",
    Service.TEMPORAL: "magenta",
    Service.LIVEKIT: "cyan",
    Service.MIGRATIONS: "bright_black",
    Service.API: "bright_blue",
    Service.CONTROL: "bright_magenta",
    Service.RUNTIME: "bright_cyan",
}
_RUNNING = "Agent “demo” is running."
_WIDTH = max(len(service) for service in Service)


class Terminal:
    """Writes what the stack says."""

    def __init__(self, console: Console | None = None) -> None:
        self._stream = LastingStream(sys.stdout)
        self.console = console or Console(
            file=self._stream,  # type: ignore[arg-type]  # all that is asked of it is there
            highlight=False,
        )

    def when_lost(self, call: Callable[[], object]) -> None:
        """`call` is called once nobody reads any more, from whatever thread finds it out."""
        self._stream.when_lost(call)

    def line(self, service: str, text: str) -> None:
        """One line that a process said."""
        colour = _COLOURS.get(Service(service), "white")
        # `from_ansi`: a server's own colours are kept, its cursor movements are not.
        self._print(Text.assemble((f"{service:>{_WIDTH}} │ ", colour), Text.from_ansi(text)))

    def note(self, text: str) -> None:
        """Something the supervisor itself did."""
        self._print(Text.assemble((f"{'stack':>{_WIDTH}} │ ", "yellow"), text))

    def step(self, service: str, text: str) -> None:
        """A service reached a state."""
        colour = _COLOURS.get(Service(service), "white")
        self._print(Text.assemble((f"{service:>{_WIDTH}} │ ", colour), (text, "green")))

    def error(self, text: str) -> None:
        """Why it ends."""
        self.console.print(Text(text, style="red"), soft_wrap=True)

    def _print(self, text: Text) -> None:
        self.console.print(text, soft_wrap=True)

    def closing(self, stack: Stack, demo: str, seconds: float) -> None:
        """What is where, and what to try."""
        rows = [
            ("Console", stack.login_url(), "signs you in; keep it to yourself"),
            ("API", stack.api_url, f"schema at {stack.api_url}/schema"),
            ("Temporal", stack.temporal_ui_url, "what should run"),
            ("LiveKit", stack.livekit_url, "where calls are"),
            ("API key", stack.api_key, _api_key_place(stack)),
            ("Logs", str(stack.config.state_dir / "logs"), ""),
        ]
        phrases = " · ".join(f"“{phrase}”" for phrase in list(ANSWERS)[:4])
        title = f"Bionic Agents is up ({seconds:.0f} s)"
        agent = f"Agent “demo” is {demo}."
        self.console.print()
        if self.console.is_terminal:
            self.console.print(_panel(title, rows[1:], agent, phrases))
            # Outside the frame and unbroken, so that it can be clicked and copied whole.
            link = stack.login_url()
            self.console.print(
                Text.assemble(("  Console  ", "dim"), (link, f"bold link {link}")), soft_wrap=True
            )
        else:
            self.console.print(title)
            for label, value, _ in rows:
                self.console.print(f"  {label:<9} {value}", soft_wrap=True)
            self.console.print(
                f"  {agent} Open its page in the console, press Talk and say: {phrases}", soft_wrap=True
            )
            self.console.print("  Ctrl-C stops everything.")
        self.console.print()


def _panel(title: str, rows: list[tuple[str, str, str]], agent: str, phrases: str) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    grid.add_column(style="dim")
    for row in rows:
        grid.add_row(*row)
    try_it = Text.assemble("Open its page in the console, press Talk and say ", (phrases, "italic"))
    return Panel(
        Group(
            Text.assemble(("● ", "green" if agent == _RUNNING else "red"), (agent, "bold")),
            Padding(try_it, (0, 0, 1, 2)),
            grid,
            Text("\nCtrl-C stops everything.", style="dim"),
        ),
        title=Text(title, style="bold green"),
        title_align="left",
        border_style="bright_black",
        padding=(1, 2),
    )


def _api_key_place(stack: Stack) -> str:
    if "BIONIC_API_KEY" in stack.config.env:
        return "from BIONIC_API_KEY"
    return f"kept in {stack.config.state_dir / API_KEY_FILE}"
