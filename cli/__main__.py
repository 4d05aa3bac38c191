"""`bionic`: the platform from a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import httpx
import typer
from typer.main import get_command

from cli.app import app
from cli.errors import CliError, ExitCode, Failed
from cli.output import Output
from cli.session import Options


def main() -> None:
    """Runs the command line of this process and ends it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without “ ” or — shows something else
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError:
        # Whoever read it has gone: Python must not find that out once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def run(arguments: Sequence[str], transport: httpx.BaseTransport | None = None) -> int:
    """Runs one command line; returns the exit code. `transport` takes the place of the network."""
    options = Options(transport=transport)
    try:
        code = get_command(app).main(list(arguments), prog_name="bionic", standalone_mode=False, obj=options)
    except CliError as error:
        Output(as_json=options.as_json).error(error)
        return error.exit_code
    except typer.TyperException as error:
        return _usage(error)
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return ExitCode.FAILED
    except Exception as error:  # noqa: BLE001 - nobody at a terminal is helped by a traceback
        what = f"{type(error).__name__}: {error}"
        Output(as_json=options.as_json).error(
            Failed(f"This is a bug in bionic, not yours: {what}. Please report it.")
        )
        return ExitCode.FAILED
    return code if isinstance(code, int) else ExitCode.OK


def _usage(error: typer.TyperException) -> int:
    """How the command line is wrong; asked for nothing, it shows what there is to ask for."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "bionic"
    if type(error).__name__ != "NoArgsIsHelpError":
        Output().usage(error.format_message(), command)
    return ExitCode.USAGE


if __name__ == "__main__":
    main()
