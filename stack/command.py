"""What `python -m stack` does: `up`, `prepare`, `npm`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from stack.config import PORT_VARIABLES, PROJECT, Service, StackConfig, StackError
from stack.console import Terminal
from stack.demo import ensure_demo_agent
from stack.embedded import Stack
from stack.prepare import prepare_all
from stack.progress import Progress
from stack.testtools import ensure_test_tools
from stack.webapps import build_web, run_script

_HEALTHY_SECONDS = 60.0


def main() -> None:
    """Reads the command line and runs; the exit code of `up` is 0 also after Ctrl-C."""
    arguments = _parser().parse_args()
    terminal = Terminal()
    if arguments.command != "up":
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        asyncio.run(_run(arguments, terminal))
    except StackError as error:
        terminal.error(str(error))
        sys.exit(1)
    except (KeyboardInterrupt, asyncio.CancelledError):
        # `up` takes signals itself: this one came after everything was stopped.
        sys.exit(0 if arguments.command == "up" else 130)
    finally:
        # All that is left is Python's own end, which one more Ctrl-C should not make look like a failure.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stack", description="Bionic Agents on one machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="run everything until Ctrl-C")
    up.add_argument("--verbose", action="store_true", help="show every line of every server")
    up.add_argument("--no-demo", action="store_true", help="deploy no demo agent")
    up.add_argument("--state", type=Path, help="folder for data, logs and keys (default .bionic)")
    for name, variable in PORT_VARIABLES.items():
        flag = f"--{name.replace('_', '-')}-port"
        up.add_argument(flag, type=int, metavar="PORT", dest=variable, help=f"or {variable}")
    prepare = commands.add_parser("prepare", help="build servers and web apps, start nothing")
    prepare.add_argument(
        "--tests", action="store_true", help="also what only the tests need: a browser, Compose, Toxiproxy"
    )
    npm = commands.add_parser("npm", help="run a script of a web app, with Node from wherever it is")
    npm.add_argument("folder", type=Path)
    npm.add_argument("script")
    return parser


async def _run(arguments: argparse.Namespace, terminal: Terminal) -> None:
    progress = Progress(terminal.console)
    if arguments.command == "up":
        await _up(arguments, terminal, progress)
    elif arguments.command == "npm":
        await run_script((PROJECT / arguments.folder).resolve(), arguments.script, progress)
    else:
        await prepare_all(StackConfig(), progress)
        if arguments.tests:
            await ensure_test_tools(progress)


def _config(arguments: argparse.Namespace) -> StackConfig:
    environment = dict(os.environ)
    flags = {name: str(value) for name, value in vars(arguments).items() if name.isupper() and value}
    changes: dict[str, object] = {"verbose": arguments.verbose}
    if arguments.state is not None:
        changes["state_dir"] = arguments.state.resolve()
    return StackConfig.from_environment(environment | flags, **changes)


async def _up(arguments: argparse.Namespace, terminal: Terminal, progress: Progress) -> None:
    began = time.monotonic()
    stack = Stack(_config(arguments), output=terminal, progress=progress)
    interrupted = asyncio.Event()
    asked = False
    loop = asyncio.get_running_loop()

    def interrupt(number: signal.Signals) -> None:
        nonlocal asked
        if not asked:
            asked = True
            interrupted.set()
            terminal.note("stopping (once more to stop at once)")
        elif number == signal.SIGINT:
            stack.hurry()
        # The others are passed on by the kernel, the shell and `uv run`: that one comes twice means nothing.

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt, number)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # `nohup` has it ignored: a lost terminal is meant
        loop.add_signal_handler(signal.SIGHUP, interrupt, signal.SIGHUP)
        terminal.when_lost(lambda: loop.call_soon_threadsafe(interrupted.set))
    waiter = asyncio.create_task(interrupted.wait())
    work = asyncio.create_task(_serve(stack, arguments, terminal, progress, began))
    await asyncio.wait({waiter, work}, return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    # One that failed is stopping by itself, and has yet to say why it failed.
    if not work.done() and not stack.closing:
        work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    _heed_no_more(loop)
    terminal.note("everything is stopped")


def _heed_no_more(loop: asyncio.AbstractEventLoop) -> None:
    """Nothing is left to stop. A loop that is closing already would complain of a signal."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)


async def _demo(stack: Stack, arguments: argparse.Namespace, terminal: Terminal) -> str:
    """Status of the demo agent. One that does not work is no reason to take everything down."""
    if arguments.no_demo:
        return "not deployed"
    try:
        return await ensure_demo_agent(stack)
    except StackError as error:
        terminal.error(str(error))
        return "not running"


async def _serve(
    stack: Stack, arguments: argparse.Namespace, terminal: Terminal, progress: Progress, began: float
) -> None:
    if stack.config.runs(Service.API):
        await build_web(progress)
    async with stack:
        await stack.wait_healthy(_HEALTHY_SECONDS)
        demo = await _demo(stack, arguments, terminal)
        terminal.closing(stack, demo, time.monotonic() - began)
        await asyncio.Event().wait()  # until cancelled by a signal
