"""How long an agent that is on its way to a call is waited for."""

from __future__ import annotations

from datetime import datetime, timedelta

from workflows import policy
from workflows.call_types import CallSight


class Arrival:
    """The agent that should come: since when it is expected, and whether it still may come.

    A slow host would be slower still with one more agent, so that only another host is asked, and once.
    """

    def __init__(self, now: datetime) -> None:
        self._since = now
        self._came = False
        self._left = 0
        """The newest attempt whose agent was there and has left: it is not on its way any more."""
        self._asked = False
        """Whether this agent was sent because another host was slow."""

    def caller_came(self, now: datetime, *, anew: bool) -> None:
        """An agent is expected from now on; told again before one is there, since the first time.

        `anew`: of a caller who has come back to a call that was over.
        """
        if anew or not self._came:
            self.sent(now)
        self._came = True
        if anew:
            self._left = 0

    def arrived(self) -> None:
        """An agent is with the caller."""
        self._came, self._left = False, 0

    def sent(self, now: datetime, *, instead: bool = False) -> None:
        """Another agent was sent, `instead` of one that is slow to come."""
        self._since, self._asked = now, instead

    def left(self, attempt: int) -> None:
        """The agent of that attempt was in the room, and is not any more."""
        self._left = max(self._left, attempt)

    def waited(self, now: datetime) -> float:
        """For how many seconds the agent has been on its way."""
        return (now - self._since).total_seconds()

    def asks_another(self, sight: CallSight) -> bool:
        """Whether it is another host's turn, once the caller's patience is over."""
        return sight.others and not self._asked and sight.attempt > self._left

    def patience(self, sight: CallSight, deadline: datetime, now: datetime) -> timedelta | None:
        """Until the next look at who is on the way; None: it is too late. `deadline` is the caller's."""
        if sight.attempt <= self._left:
            return None
        rest = (deadline if self.asks_another(sight) else self._since + policy.COMING_WITHIN) - now
        return min(rest, policy.SENT_PATIENCE) if rest > timedelta() else None
