"""What every command is given: the API, and where to write. And the options that every command takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from cli.access import DEFAULT_URL, find_access
from cli.api import Api
from cli.output import Output

_PANEL = "Options of every command"


def _url_option(envvar: str | None = None) -> Any:
    text = f"Where the platform is. Or BIONIC_API_URL; else {DEFAULT_URL}."
    return typer.Option(
        "--api", metavar="URL", help=text, rich_help_panel=_PANEL, envvar=envvar, show_envvar=False
    )


def _key_option(envvar: str | None = None) -> Any:
    text = (
        "Its API key. Or BIONIC_API_KEY, which keeps it out of the list of processes; "
        "else the file .bionic/api-key of this folder or one above."
    )
    return typer.Option(
        "--key", metavar="KEY", help=text, rich_help_panel=_PANEL, envvar=envvar, show_envvar=False
    )


ApiUrl = Annotated[str | None, _url_option()]
Key = Annotated[str | None, _key_option()]
ApiUrlOrVariable = Annotated[str | None, _url_option("BIONIC_API_URL")]
KeyOrVariable = Annotated[str | None, _key_option("BIONIC_API_KEY")]
"""Only before the command's name: after it, a variable would win over what was said."""

AsJson = Annotated[
    bool,
    typer.Option("--json", help="One JSON document on standard output.", rich_help_panel=_PANEL),
]


@dataclass
class Options:
    """The options of every command, which may be said before or after its name; the later one wins."""

    url: str | None = None
    key: str | None = None
    as_json: bool = False
    transport: httpx.BaseTransport | None = None
    """What carries requests in place of the network."""

    def add(self, url: str | None, key: str | None, *, as_json: bool) -> None:
        """Take what was said at one place."""
        self.url = url or self.url
        self.key = key or self.key
        self.as_json = as_json or self.as_json


@dataclass(frozen=True)
class Session:
    """One run of one command."""

    api: Api
    out: Output


@contextmanager
def opened(options: Options) -> Iterator[Session]:
    """A session, until the block is left."""
    api = Api(find_access(options.url, options.key, Path.cwd()), options.transport)
    try:
        yield Session(api, Output(as_json=options.as_json))
    finally:
        api.close()


def with_session(run: Callable[..., None]) -> Callable[..., None]:
    """A command of `run`, whose first argument is the session: it also takes the options of every command.

    Of a group's own action, nothing is run when one of the group's commands follows.
    """

    def command(**given: Any) -> None:
        ctx: typer.Context = given.pop("ctx")
        options: Options = ctx.obj
        options.add(given.pop("api_url"), given.pop("api_key"), as_json=given.pop("as_json"))
        if ctx.invoked_subcommand is None:
            with opened(options) as session:
                run(session, **given)

    signature = inspect.signature(run, eval_str=True)
    own = list(signature.parameters.values())[1:]
    parameters = [
        _parameter("ctx", typer.Context),
        *(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own),
        _parameter("api_url", ApiUrl, None),
        _parameter("api_key", Key, None),
        _parameter("as_json", AsJson, default=False),
    ]
    command.__name__, command.__doc__ = run.__name__, run.__doc__
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
