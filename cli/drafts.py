"""`publish`, `diff`, `restore`: drafts and what was made of them."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Annotated

import typer
from rich.text import Text

from cli import words
from cli.api import Json, path_to
from cli.arguments import Slug
from cli.session import Session, with_session

_DRAFT = "draft"
_BEFORE, _AFTER = "- ", "+ "


def _ref(text: str) -> str:
    """The number of a version, or `draft`."""
    if text != _DRAFT and not text.removeprefix("v").isdecimal():
        raise typer.BadParameter("give the number of a version, or draft")
    return text.removeprefix("v")


Ref = Annotated[str, typer.Argument(metavar="VERSION", help="A number, or draft.", callback=_ref)]


@with_session
def publish(
    session: Session,
    slug: Slug,
    message: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Why.")] = None,
) -> None:
    """Make a version of the draft without deploying it. It never changes again."""
    body = {} if message is None else {"note": message}
    status, version = session.api.posted(path_to("agents", slug, "versions"), body)
    if session.out.as_json:
        session.out.document(version)
        return
    name, number = words.plain(slug), words.plain(version.get("number"))
    if status == HTTPStatus.OK:
        session.out.say(f"The draft of {name} is version {number} already.")
    else:
        session.out.say(f"Version {number} of {name} is published.")
    if not version.get("live"):
        session.out.say(f"  Bring it up: bionic deploy {name} --version {number}")


@with_session
def diff(
    session: Session,
    slug: Slug,
    before: Ref,
    after: Annotated[str, typer.Argument(metavar="VERSION", help="The other one.", callback=_ref)] = _DRAFT,
) -> None:
    """What differs between two versions, or a version and the draft, field by field."""
    found = session.api.get(path_to("agents", slug, "versions", "diff"), {"from": before, "to": after})
    if session.out.as_json:
        session.out.document(found)
        return
    changes: list[Json] = found.get("changes") or []
    if not changes:
        session.out.say(f"{_name(before)} and {_name(after)} of {words.plain(slug)} are the same.")
        return
    for change in changes:
        _tell(session, change)


def _name(ref: str) -> str:
    return "the draft" if ref == _DRAFT else f"version {ref}"


def _tell(session: Session, change: Json) -> None:
    kind = str(change.get("change"))
    session.out.say(Text.assemble((words.plain(change.get("pointer")), "bold"), f"  {words.plain(kind)}"))
    if kind != "added":
        session.out.say(Text(f"  {_BEFORE}{_value(change.get('before'))}", style="red"))
    if kind != "removed":
        session.out.say(Text(f"  {_AFTER}{_value(change.get('after'))}", style="green"))


def _value(value: object) -> str:
    return words.plain(json.dumps(value, ensure_ascii=False))


@with_session
def restore(
    session: Session,
    slug: Slug,
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1, help="Its number.")],
) -> None:
    """Make a version the draft again, secrets included; what is deployed goes on unchanged."""
    agent = session.api.post(path_to("agents", slug, "versions", str(version), "restore"), {})
    if session.out.as_json:
        session.out.document(agent)
        return
    name = words.plain(agent.get("slug"))
    session.out.say(f"The draft of {name} is version {version} again; what is deployed goes on unchanged.")
