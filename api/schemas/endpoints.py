"""Webhook endpoints and what was sent to them, as they come in and go out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field

from agents.providers.pointers import suggestion
from agents.providers.secrets import hint
from agents.providers.urls import http_url
from api.schemas.base import Answer, Body, Note
from common.events import is_wish, wishes
from db.models import WebhookAttemptRow, WebhookEndpointRow
from db.repositories.deliveries import Told
from db.repositories.events import document


def _wish(kind: str) -> str:
    if not is_wish(kind):
        raise ValueError(f"is no kind of event; {suggestion(kind, wishes())}")
    return kind


Url = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(http_url)]
Kind = Annotated[str, AfterValidator(_wish)]
Kinds = Annotated[list[Kind], Field(min_length=1, max_length=50)]


class NewEndpoint(Body):
    """An address that is to be told of events."""

    url: Url
    description: Note | None = None
    kinds: Kinds | None = None
    """Kinds such as `call.ended`, or groups such as `deployment.*`; null is all, also those yet to come."""
    enabled: bool = True


class EndpointChange(Body):
    """What to change: absent fields stay as they are."""

    url: Url = ""
    description: Note | None = None
    kinds: Kinds | None = None
    enabled: bool = True


class EndpointAnswer(Answer):
    """An address that is told of events."""

    id: UUID
    url: str
    description: str | None
    kinds: list[str] | None
    enabled: bool
    disabled_at: datetime | None
    disabled_reason: str | None
    """Why the platform gave it up; null where a person disabled it."""
    failing_since: datetime | None
    """The first failure since which nothing was delivered."""
    secret: dict[str, Any]
    """Only how it ends."""
    pending: int
    dead: int
    """How many deliveries were given up."""
    created_at: datetime

    @classmethod
    def of(cls, row: WebhookEndpointRow, secret: str, counts: Mapping[str, int], **more: Any) -> Any:
        """The answer for a row; `more` are the fields that a subclass adds."""
        return cls(
            id=row.id,
            url=row.url,
            description=row.description,
            kinds=row.kinds,
            enabled=row.enabled,
            disabled_at=row.disabled_at,
            disabled_reason=row.disabled_reason,
            failing_since=row.failing_since,
            secret=hint(secret),
            pending=counts.get("pending", 0),
            dead=counts.get("dead", 0),
            created_at=row.created_at,
            **more,
        )


class EndpointSecretAnswer(EndpointAnswer):
    """The same with its new secret, which is never shown again."""

    signing_secret: str


class EndpointPage(Answer):
    """A page of endpoints, newest first."""

    items: list[EndpointAnswer]
    next_cursor: str | None


class AttemptAnswer(Answer):
    """One attempt to deliver."""

    at: datetime
    ms: int
    status: int | None
    """Of HTTP; null where there was no answer."""
    error: str | None
    answer: str | None
    """How what was answered begins."""

    @classmethod
    def of(cls, row: WebhookAttemptRow) -> AttemptAnswer:
        """The answer for a row."""
        return cls(at=row.at, ms=row.ms, status=row.status, error=row.error, answer=row.answer)


class DeliveryAnswer(Answer):
    """An event on its way to an endpoint."""

    id: UUID
    webhook_id: UUID
    state: str
    """`pending`, `delivered` or `dead`."""
    attempts: int
    created_at: datetime
    next_at: datetime | None
    """When it is tried next; while that is going on, when another worker would."""
    finished_at: datetime | None
    last_status: int | None
    last_error: str | None
    event: dict[str, Any]
    """What is sent."""
    log: list[AttemptAnswer]

    @classmethod
    def of(cls, told: Told) -> DeliveryAnswer:
        """The answer for a delivery."""
        row = told.delivery
        return cls(
            id=row.id,
            webhook_id=row.endpoint_id,
            state=row.state,
            attempts=row.attempts,
            created_at=row.created_at,
            next_at=row.next_at if row.state == "pending" else None,
            finished_at=row.finished_at,
            last_status=row.last_status,
            last_error=row.last_error,
            event=document(told.event),
            log=[AttemptAnswer.of(each) for each in told.log],
        )


class DeliveryPage(Answer):
    """A page of deliveries, newest first."""

    items: list[DeliveryAnswer]
    next_cursor: str | None
