"""`webhooks`: who is told of what happens, and what was sent to them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from cli import times, words
from cli.api import Json, path_to
from cli.arguments import DeliveryIds, WebhookId
from cli.errors import ExitCode, Failed
from cli.session import Session, with_session
from cli.table import Column, Row, print_table

_COLUMNS = (
    Column("WEBHOOK"),
    Column("STATE"),
    Column("URL", gives=True),
    Column("EVENTS", gives=True),
    Column("WAITING", right=True),
    Column("DEAD", right=True),
)
_DELIVERIES = (
    Column("DELIVERY"),
    Column("WHEN"),
    Column("EVENT"),
    Column("STATE"),
    Column("TRIES", right=True),
    Column("ANSWER", gives=True),
)
_TEST_SECONDS = 30.0
"""How long a test is waited for."""
_PAUSE = 0.3


class State(StrEnum):
    """How a delivery is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


webhooks = typer.Typer(help="Who is told of what happens.", invoke_without_command=True)


@webhooks.callback()
@with_session
def list_webhooks(session: Session) -> None:
    """The addresses that are told of events, and whether they take them."""
    found = session.api.items("/api/webhooks")
    if session.out.as_json:
        session.out.document({"items": found})
        return
    if not found:
        session.out.say("Nobody is told of what happens. bionic webhooks add URL changes that.")
        return
    print_table(session.out.people, _COLUMNS, [_row(each) for each in found])


def _row(webhook: Json) -> Row:
    kinds = webhook.get("kinds")
    return Row(
        [
            Text(words.plain(webhook.get("id", words.NOTHING))),
            words.state(_state(webhook)),
            Text(words.plain(webhook.get("url", words.NOTHING))),
            Text(words.plain(" ".join(map(str, kinds))) if kinds else "all"),
            words.number(webhook.get("pending")),
            words.number(webhook.get("dead")),
        ],
        note=str(webhook.get("disabledReason") or webhook.get("description") or ""),
    )


def _state(webhook: Json) -> str:
    if not webhook.get("enabled"):
        return "disabled"
    return "failing" if webhook.get("failingSince") else "ok"


@webhooks.command()
@with_session
def add(
    session: Session,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are sent.")],
    kind: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND", help="call.ended, deployment.*; may be said again. All without it."),
    ] = None,
    description: Annotated[str | None, typer.Option(metavar="TEXT", help="What it is for.")] = None,
) -> None:
    """Have events sent to an address. Says the secret that they are signed with, this once."""
    made = session.api.post("/api/webhooks", {"url": url, "kinds": kind or None, "description": description})
    if session.out.as_json:
        session.out.document(made)
        return
    session.out.say(Text.assemble((words.plain(made.get("id")), "bold"), " is told of events."))
    session.out.say(Text.assemble("Secret: ", (words.plain(made.get("signingSecret")), "bold")))
    session.out.say("Keep it where the receiver finds it: it is not shown again.")


@webhooks.command()
@with_session
def test(session: Session, webhook: WebhookId) -> None:
    """Send a test event to an address, and say what it answered."""
    delivery = session.api.post(path_to("webhooks", webhook, "test"))
    delivery = _tried(session, delivery)
    if session.out.as_json:
        session.out.document(delivery)
        raise typer.Exit(ExitCode.OK if delivery.get("state") == State.DELIVERED else ExitCode.FAILED)
    attempt = (delivery.get("log") or [{}])[-1]
    said = " ".join(words.plain(attempt.get("answer") or "").split())[:200]
    if delivery.get("state") != State.DELIVERED:
        why = f"{attempt.get('error')}" + (f": {said}" if said else "")
        raise Failed(f"It was not delivered: {why}. It is tried again.")
    took = times.lasted(float(attempt.get("ms") or 0) / 1000)
    session.out.say(f"Delivered in {took}: HTTP {attempt.get('status')} {said}".rstrip())


def _tried(session: Session, delivery: Json) -> Json:
    """The delivery once it was tried."""
    until = time.monotonic() + _TEST_SECONDS
    while not delivery.get("log"):
        if time.monotonic() > until:
            raise Failed("Nobody has tried to deliver it yet. Is a control worker there? `bionic health`")
        time.sleep(_PAUSE)
        delivery = session.api.get(path_to("deliveries", str(delivery.get("id"))))
    return delivery


@webhooks.command()
@with_session
def deliveries(
    session: Session,
    webhook: WebhookId,
    state: Annotated[State | None, typer.Option(help="Those alone; dead ones were given up.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many, the newest first.")] = 20,
) -> None:
    """What was sent to an address, newest first, and what it answered last."""
    query = {"state": state.value if state else None}
    found = session.api.items(path_to("webhooks", webhook, "deliveries"), query, limit=limit)
    if session.out.as_json:
        session.out.document({"items": found})
        return
    if not found:
        session.out.say("Nothing." if state else "Nothing was sent there in the last week.")
        return
    now = datetime.now(UTC)
    print_table(session.out.people, _DELIVERIES, [_delivery(each, now) for each in found])


def _delivery(delivery: Json, now: datetime) -> Row:
    event = delivery.get("event") or {}
    answer = delivery.get("lastError") or (f"HTTP {status}" if (status := delivery.get("lastStatus")) else "")
    return Row(
        [
            Text(words.plain(delivery.get("id", words.NOTHING))),
            Text(times.ago(times.parsed(delivery.get("createdAt")), now)),
            Text(words.plain(event.get("type", words.NOTHING))),
            words.state(delivery.get("state")),
            words.number(delivery.get("attempts")),
            Text(words.plain(answer or words.NOTHING)),
        ]
    )


@webhooks.command()
@with_session
def redeliver(session: Session, delivery: DeliveryIds) -> None:
    """Send something once more, whatever became of it."""
    found = [session.api.post(path_to("deliveries", each, "redeliver")) for each in delivery]
    if session.out.as_json:
        session.out.document({"items": found})
        return
    for each in found:
        kind = words.plain((each.get("event") or {}).get("type", "It"))
        session.out.say(f"{kind} is sent again now, and tried for a day.")
