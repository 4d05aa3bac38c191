"""`python -m benchmarks`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from benchmarks.machine import describe
from benchmarks.measure import Result
from benchmarks.readme import README, write
from benchmarks.run import FIGURES, Incomplete, run
from benchmarks.scale import Scale
from benchmarks.table import notes, terminal_table

_FILE_WIDTH = 160
"""Columns of the table when it goes to a file."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Our figures beside those of a stock livekit-agents worker."
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run; its numbers mean little")
    parser.add_argument("--only", type=_figures, default=list(FIGURES), metavar=",".join(FIGURES))
    parser.add_argument("--write", action="store_true", help=f"put the figures into benchmarks/{README.name}")
    return parser


def _figures(text: str) -> list[str]:
    unknown = set(text.split(",")) - set(FIGURES)
    if unknown:
        raise argparse.ArgumentTypeError(f"no such figure: {', '.join(sorted(unknown))}")
    return [name for name in FIGURES if name in text.split(",")]


def main() -> None:
    """Exit code 1 when a figure could not be measured; a missed goal is a result like any other."""
    parser = _parser()
    arguments = parser.parse_args()
    if arguments.write and (arguments.quick or len(arguments.only) < len(FIGURES)):
        parser.error("--write needs a whole run, without --quick and --only")
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    machine = describe()
    for line in machine:
        console.print(Text(line, style="dim"))
    scale = Scale.quick() if arguments.quick else Scale()
    try:
        results = asyncio.run(run(arguments.only, scale, console))
    except Incomplete as error:
        _show(console, error.results, quick=arguments.quick)
        console.print(Text(str(error), style="red"))
        sys.exit(1)
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
    _show(console, results, quick=arguments.quick)
    if arguments.write:
        write(results, machine, datetime.now(UTC).date())
        console.print(f"Written to benchmarks/{README.name}.")


def _show(console: Console, results: list[Result], *, quick: bool) -> None:
    if results:
        console.print(terminal_table(results))
        console.print(Text("Medians; in brackets the least, the greatest and the count.", style="dim"))
    for note in notes(results):
        console.print(Text(note, style="yellow"))
    if quick:
        console.print(Text("A quick run: too few repetitions to compare with the goals.", style="yellow"))


if __name__ == "__main__":
    main()
