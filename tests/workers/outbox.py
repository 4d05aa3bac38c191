"""An outbox that is emptied, and what its tests ask of it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

from activities.delivering import Delivering, Schedule
from common.events import EventKind
from common.outward import Guard, outward
from db.engine import Database
from db.models import DeliveryState, WebhookEndpointRow
from db.repositories.deliveries import DeliveryRepository, Told
from db.repositories.endpoints import EndpointRepository, WantedEndpoint
from db.repositories.events import EventRepository
from tests.support.waiting import eventually
from workers.control.outbox import Outbox

LOOPBACK = Guard((ip_network("127.0.0.0/8"),))

QUICK = Schedule(timedelta(milliseconds=40), 1.5, timedelta(milliseconds=300))


@dataclass(frozen=True)
class Hook:
    """An endpoint, and its secret."""

    id: uuid.UUID
    secret: str


@asynccontextmanager
async def working(
    database: Database, schedule: Schedule = QUICK, guard: Guard = LOOPBACK, seconds: float = 2.0
) -> AsyncIterator[None]:
    """A worker delivers during the block."""
    async with outward(guard, seconds) as sender, Outbox(database, Delivering(sender, schedule)).emptied():
        yield


async def make_hook(database: Database, url: str, kinds: list[str] | None = None) -> Hook:
    """An endpoint that wants these kinds of events, or all."""
    async with database.begin() as db_session:
        wanted = WantedEndpoint(url, kinds=kinds)
        row, secret = await EndpointRepository(db_session, database.box).create(wanted)
        return Hook(row.id, secret)


async def tell(
    database: Database, *kinds: EventKind, call_id: uuid.UUID | None = None, **data: Any
) -> uuid.UUID:
    """Tell of a new call, or of that one."""
    call_id = call_id or uuid.uuid4()
    for kind in kinds:
        async with database.begin() as db_session:
            await EventRepository(db_session).add(kind, data, agent_id=uuid.uuid4(), call_id=call_id)
    return call_id


async def deliveries_of(database: Database, hook: Hook, state: DeliveryState | None = None) -> list[Told]:
    """An endpoint's deliveries, or those in that state."""
    async with database.begin() as db_session:
        return (await DeliveryRepository(db_session).list(hook.id, state, None, 500)).items


async def reached(database: Database, hook: Hook, state: DeliveryState, count: int = 1) -> list[Told]:
    """The deliveries in that state, once there are so many."""

    async def look() -> list[Told] | None:
        found = await deliveries_of(database, hook, state)
        return found if len(found) >= count else None

    return await eventually(look, f"{count} deliveries {state}")


async def endpoint_of(database: Database, hook: Hook) -> WebhookEndpointRow:
    """The endpoint as it is now."""
    async with database.begin() as db_session:
        return await EndpointRepository(db_session, database.box).get(hook.id)


def all_done(database: Database) -> Any:
    """A look whether nothing is due."""

    async def look() -> bool:
        async with database.begin() as db_session:
            return not await DeliveryRepository(db_session).due()

    return look


def fails(database: Database, hook: Hook) -> Any:
    """A look whether nothing reaches the endpoint."""

    async def look() -> bool:
        return (await endpoint_of(database, hook)).failing_since is not None

    return look
