"""All commands, under one name."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from cli import agents, deploying, drafts, health, history, hosts, logs, repairs, versions, webhooks
from cli.session import ApiUrlOrVariable, AsJson, KeyOrVariable, Options

_EPILOG = (
    "Exit codes: 0 it is done; 1 it failed; 2 the command line is wrong; "
    "3 the API is away or refuses the key; 130 Ctrl-C."
)

app = typer.Typer(
    name="bionic",
    help="Voice agents that are hard to lose: deploy them, watch them, and see what is wrong.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(value: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    if value:
        typer.echo(version("bionic-agents"))
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    api_url: ApiUrlOrVariable = None,
    api_key: KeyOrVariable = None,
    *,
    as_json: AsJson = False,
    _: Annotated[
        bool, typer.Option("--version", help="Say the version and end.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Take what is said before the command's name."""
    given: Options = ctx.obj
    given.add(api_url, api_key, as_json=as_json)


_LOOK, _ACT = "See how things are", "Change them"

app.add_typer(agents.agents, name="agents", rich_help_panel=_LOOK)
app.add_typer(history.deployments, name="deployments", rich_help_panel=_LOOK)
app.add_typer(hosts.hosts, name="hosts", rich_help_panel=_LOOK)
app.add_typer(webhooks.webhooks, name="webhooks", rich_help_panel=_LOOK)
for command in (history.history, versions.versions, drafts.diff, logs.logs, repairs.repairs, health.health):
    app.command(rich_help_panel=_LOOK)(command)
for command in (
    agents.create,
    agents.config,
    drafts.publish,
    drafts.restore,
    deploying.deploy,
    deploying.rollback,
    deploying.retry,
    deploying.stop,
    agents.delete,
):
    app.command(rich_help_panel=_ACT)(command)
