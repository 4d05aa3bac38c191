"""One attempt to deliver an event to a webhook: signed, sent, judged."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from standardwebhooks import Webhook

from common.discretion import DISCRETION
from common.outward import Answered, Outward, OutwardFailed
from db.models import EventRow
from db.repositories.deliveries import Outcome, Taken
from db.repositories.endpoints import Address
from db.repositories.events import document

GONE = 410
"""The receiver wants no more, ever."""

MOST_ANSWER = 500
"""Characters of an answer that are kept."""


@dataclass(frozen=True)
class Schedule:
    """How long to wait after each failure: 5 s, 20 s, 80 s, 5 min, 21 min, 85 min, then two hours each time.
    Eighteen attempts in a day."""

    first: timedelta = timedelta(seconds=5)
    factor: float = 4.0
    most: timedelta = timedelta(hours=2)
    jitter: float = 0.2
    """So that what failed together does not come back together."""

    def wait(self, attempt: int, asked: timedelta | None = None) -> timedelta:
        """After the `attempt`th one. `asked`: what the receiver said, who can't ask for more than `most`."""
        wait = min(self.first * self.factor ** min(attempt - 1, 20), self.most)
        wait *= 1 + random.uniform(-self.jitter, self.jitter)  # noqa: S311 - no secret
        return max(wait, min(asked, self.most)) if asked else wait


@dataclass(frozen=True)
class Delivering:
    """Makes attempts."""

    outward: Outward
    schedule: Schedule = Schedule()

    async def attempt(self, address: Address, taken: Taken) -> Outcome:
        """Send it once; whatever goes wrong is part of what came of it."""
        at, began = datetime.now(UTC), time.monotonic()
        body = json.dumps(document(taken.event), separators=(",", ":"), ensure_ascii=False)
        headers = signed(address, taken.event, body, at)
        try:
            answer = await self.outward.post(address.url, body.encode(), headers)
        except OutwardFailed as error:
            ms, wait = _since(began), self.schedule.wait(taken.attempt)
            return Outcome(at, ms, error=str(error), wait=wait)
        return self._judged(answer, taken.attempt, at, _since(began))

    def _judged(self, answer: Answered, attempt: int, at: datetime, ms: int) -> Outcome:
        text = beginning(answer.body)
        if 200 <= answer.status < 300:
            return Outcome(at, ms, answer.status, answer=text)
        error = f"HTTP {answer.status}"
        if answer.status == GONE:
            return Outcome(at, ms, answer.status, f"{error}: the receiver wants no more", text)
        wait = self.schedule.wait(attempt, retry_after(answer.headers, at))
        return Outcome(at, ms, answer.status, error, text, wait)


def signed(address: Address, event: EventRow, body: str, at: datetime) -> dict[str, str]:
    """The headers of Standard Webhooks: the id is the event's for ever, the time is this attempt's."""
    message_id = f"evt_{event.uid.hex}"
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        # While a secret is being replaced there are two, and receivers may know either.
        "webhook-signature": " ".join(Webhook(each).sign(message_id, at, body) for each in address.secrets),
    }


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """When the receiver wants to be asked again, where it says so: seconds, or a date."""
    said = headers.get("Retry-After", "").strip()
    try:
        if said.isascii() and said.isdigit():
            return timedelta(seconds=min(int(said), 10**6))
        return max(parsedate_to_datetime(said) - now, timedelta(0)) if said else None
    except (ValueError, TypeError, OverflowError):
        return None


def beginning(body: bytes) -> str:
    """How an answer begins, fit to be kept: one that repeats what must not be said does not say it here."""
    text = DISCRETION.blot(body.decode(errors="replace")).replace("\0", "")
    return text[:MOST_ANSWER]


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
