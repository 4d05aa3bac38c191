"""`make chaos`: many long runs, each from a seed of its own."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys

from tests.chaos.machine import run_machine
from tests.chaos.world import a_world


def main() -> None:
    """Reads the command line and runs; the exit code is 1 when something did not hold."""
    parser = argparse.ArgumentParser(prog="make chaos", description="Anything happens to a whole platform.")
    parser.add_argument("--runs", type=int, default=10, help="how many, each from the next seed")
    parser.add_argument("--steps", type=int, default=40, help="of each run")
    parser.add_argument("--seed", type=int, help="of the first run; given alone, there is only that one")
    parser.add_argument(
        "--outages", action="store_true", help="first every fault of tests/faults, as long as it may last"
    )
    arguments = parser.parse_args()
    if arguments.outages:
        tests = [sys.executable, "-m", "pytest", "tests/faults"]
        done = subprocess.run(tests, env=os.environ | {"BIONIC_CHAOS": "long"}, check=False)
        if done.returncode:
            sys.exit(done.returncode)
    runs = 1 if arguments.seed is not None and "--runs" not in sys.argv else arguments.runs
    first = random.SystemRandom().randrange(1, 1_000_000) if arguments.seed is None else arguments.seed
    try:
        asyncio.run(_run(first, runs, arguments.steps))
    except AssertionError as error:
        sys.exit(f"\nBroken: {error}")


async def _run(first: int, runs: int, steps: int) -> None:
    async with a_world() as world:
        for number in range(first, first + runs):
            await run_machine(world, number, steps, _tell)


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
