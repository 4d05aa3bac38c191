"""What is in the outbox is numbered and delivered to webhooks: beside everything else, never in its way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from activities.delivering import GONE, Delivering
from common.outward import BODY_SECONDS, TOTAL_SECONDS
from db.crypto import SecretUnreadable
from db.engine import Database
from db.repositories.deliveries import LEASE, DeliveryRepository, Outcome, Taken
from db.repositories.endpoints import Address, EndpointRepository
from db.repositories.events import EventRepository

logger = logging.getLogger(__name__)

EVERY_SECONDS = 0.25
"""Between two looks for new events; it is what an event waits, at most."""
LOOK_SECONDS = 1.0
"""Between two looks for what is to be tried again."""
BURY_SECONDS = 60.0
AWAY_SECONDS = 2.0
TROUBLE_SECONDS = 30.0
"""Until an endpoint is served again that a bug of ours came in the way of."""
CLOSE_SECONDS = 3.0
"""For what is on its way when the process ends."""

AT_ONCE = 128
"""Attempts at a time, in this process."""
OF_ONE = 8
"""To one endpoint. Whose last delivery failed gets one at a time: those that hang hold up nobody."""

_AWAY = (SQLAlchemyError, OSError)


@dataclass
class Outbox:
    """Owns the loop, and a courier for each endpoint that something is due for.

    Several processes may have one: events are numbered by one at a time, and a delivery is tried by whoever
    takes it first.
    """

    database: Database
    delivering: Delivering
    _couriers: dict[UUID, asyncio.Task[None]] = field(default_factory=dict)
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _closing: bool = False
    _away: bool = False

    @asynccontextmanager
    async def emptied(self) -> AsyncIterator[None]:
        """Work during the block."""
        loop = asyncio.create_task(self._run(), name="outbox")
        try:
            yield
        finally:
            loop.cancel()
            self._closing = True
            couriers = list(self._couriers.values())
            if couriers:
                await asyncio.wait(couriers, timeout=CLOSE_SECONDS)
            for courier in couriers:
                courier.cancel()
            await asyncio.gather(loop, *couriers, return_exceptions=True)

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        look_at = bury_at = clock()
        while True:
            try:
                new = await self._publish()
                if new or clock() >= look_at:
                    await self._send_couriers()
                    look_at = clock() + LOOK_SECONDS
                if clock() >= bury_at:
                    bury_at = clock() + BURY_SECONDS
                    await self._bury()
            except _AWAY as error:
                self._tell_away(error)
                await asyncio.sleep(AWAY_SECONDS)
            except Exception:
                logger.exception("the outbox could not be looked after")
                await asyncio.sleep(AWAY_SECONDS)
            else:
                self._away = False
            await asyncio.sleep(EVERY_SECONDS)

    def _tell_away(self, error: Exception) -> None:
        if not self._away:
            logger.warning("events wait: Postgres does not answer (%s)", type(error).__name__)
        self._away = True

    async def _publish(self) -> int:
        count = 0
        async with self.database.begin() as db_session:
            events = EventRepository(db_session)
            if await events.are_new():
                count = await events.publish()
        return count

    async def _bury(self) -> None:
        async with self.database.begin() as db_session:
            count = await DeliveryRepository(db_session).bury()
        if count:
            logger.warning("%d deliveries to disabled webhooks were given up", count)

    async def _send_couriers(self) -> None:
        async with self.database.begin() as db_session:
            due = await DeliveryRepository(db_session).due()
        for endpoint_id in due:
            if endpoint_id not in self._couriers:
                courier = asyncio.create_task(self._serve(endpoint_id), name=f"webhook {endpoint_id}")
                self._couriers[endpoint_id] = courier
                courier.add_done_callback(partial(self._done, endpoint_id))

    def _done(self, endpoint_id: UUID, _: asyncio.Task[None]) -> None:
        del self._couriers[endpoint_id]

    async def _serve(self, endpoint_id: UUID) -> None:
        """Deliver all that is due for an endpoint; who waits there holds up nobody else."""
        try:
            while not self._closing:
                until = asyncio.get_running_loop().time() + _GOOD_SECONDS
                address, taken = await self._take(endpoint_id)
                if address is None or not taken:
                    return
                attempts = (self._deliver(address, each, until) for each in taken)
                for result in await asyncio.gather(*attempts, return_exceptions=True):
                    if isinstance(result, BaseException):
                        raise result
        except _AWAY as error:
            self._tell_away(error)
        except Exception:
            logger.exception("a webhook could not be served", extra={"webhook": str(endpoint_id)})
            await asyncio.sleep(TROUBLE_SECONDS)

    async def _take(self, endpoint_id: UUID) -> tuple[Address | None, list[Taken]]:
        async with self.database.begin() as db_session:
            endpoints = EndpointRepository(db_session, self.database.box)
            try:
                address = await endpoints.address(endpoint_id)
            except SecretUnreadable as error:
                await self._give_up(endpoints, endpoint_id, f"Its secret can't be read: {error.message}")
                return None, []
            if address is None:
                return None, []
            most = 1 if address.failing else OF_ONE
            return address, await DeliveryRepository(db_session).take(endpoint_id, most)

    async def _deliver(self, address: Address, taken: Taken, until: float) -> None:
        clock = asyncio.get_running_loop().time
        async with self._turn:
            if clock() > until:
                return  # too late to be done before another worker takes it
            outcome = await self.delivering.attempt(address, taken)
        while True:
            try:
                await self._note(taken, outcome)
            except _AWAY:
                if clock() > until:
                    raise
                await asyncio.sleep(1)
            else:
                return

    async def _note(self, taken: Taken, outcome: Outcome) -> None:
        async with self.database.begin() as db_session:
            endpoints = EndpointRepository(db_session, self.database.box)
            await DeliveryRepository(db_session).tried(taken, outcome)
            if outcome.error is None:
                await endpoints.succeeded(taken.endpoint_id)
            elif outcome.status == GONE:
                await self._give_up(
                    endpoints, taken.endpoint_id, "The receiver answered 410: it wants no more."
                )
            elif await endpoints.failed(taken.endpoint_id, outcome.error):
                _tell_disabled(taken.endpoint_id, "nothing was delivered for days")

    async def _give_up(self, endpoints: EndpointRepository, endpoint_id: UUID, reason: str) -> None:
        if await endpoints.disable(endpoint_id, reason):
            _tell_disabled(endpoint_id, reason)


def _tell_disabled(endpoint_id: UUID, reason: str) -> None:
    logger.error("a webhook was disabled: %s", reason, extra={"webhook": str(endpoint_id)})


_GOOD_SECONDS = LEASE.total_seconds() - 2 * (TOTAL_SECONDS + BODY_SECONDS)
"""After taking a delivery, an attempt may begin."""
