"""`history`, `deployments`: what became of what was deployed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from cli import story, words
from cli.api import path_to
from cli.arguments import DeploymentId, Slug
from cli.session import Session, with_session

deployments = typer.Typer(help="Single deployments.", no_args_is_help=True)


@with_session
def history(
    session: Session,
    slug: Slug,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many, the newest first.")] = 10,
) -> None:
    """An agent's deployments with every change, newest first."""
    found = session.api.items(path_to("agents", slug, "deployments"), limit=limit)
    if session.out.as_json:
        session.out.document({"items": found})
        return
    if not found:
        session.out.say(
            f"{words.plain(slug)} was never deployed. Bring it up: bionic deploy {words.plain(slug)}"
        )
        return
    now = datetime.now(UTC)
    for index, deployment in enumerate(found):
        if index:
            session.out.say("")
        story.tell(session.out, deployment, now, link=False)


@deployments.command("show")
@with_session
def show_deployment(session: Session, deployment_id: DeploymentId) -> None:
    """One deployment with every change and its address in Temporal's UI."""
    deployment = session.api.get(path_to("deployments", deployment_id))
    if session.out.as_json:
        session.out.document(deployment)
        return
    story.tell(session.out, deployment, datetime.now(UTC))
