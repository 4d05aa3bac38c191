"""Arguments that several commands take."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer


def _given(value: str) -> str:
    if not value.strip():
        # As a script with an unset variable has it.
        raise typer.BadParameter("it is empty")
    return value.strip()


Slug = Annotated[str, typer.Argument(metavar="SLUG", help="The agent's slug or id.", callback=_given)]
HostName = Annotated[str, typer.Argument(metavar="NAME", help="The host's name.", callback=_given)]
DeploymentId = Annotated[str, typer.Argument(metavar="ID", help="The deployment's id.", callback=_given)]

WebhookId = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id.", callback=_given)]
DeliveryIds = Annotated[list[str], typer.Argument(metavar="ID…", help="Ids of deliveries.")]


def read_config(path: Path, option: str) -> dict[str, Any]:
    """The JSON object in a file; `-` is standard input.

    Raises:
        typer.BadParameter: there is no such file, or something else in it.
    """
    name = "standard input" if str(path) == "-" else str(path)
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise typer.BadParameter(f"{name} can't be read: {error.strerror}.", param_hint=option) from None
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{name} is not text in UTF-8.", param_hint=option) from None
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise typer.BadParameter(f"{name} is not JSON: {error.msg} ({where}).", param_hint=option) from None
    except RecursionError:
        raise typer.BadParameter(f"{name} is nested too deeply.", param_hint=option) from None
    if not isinstance(found, dict):
        raise typer.BadParameter(f"{name} must hold a JSON object, {{…}}.", param_hint=option)
    return found
