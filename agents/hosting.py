"""Agents on a host: how one becomes callable, and how it stops being so."""

from __future__ import annotations

import asyncio
import logging

from agents.asking import Asked
from agents.call_job import CallJob
from agents.departure import Departure
from agents.facilities import Facilities
from agents.offers import CallEnd, CallListener, CallTaken
from agents.registration import Registration
from common.errors import LiveKitError
from common.livekit import LiveKitCredentials

logger = logging.getLogger(__name__)

REGISTER_SECONDS = 10.0
CLOSE_SECONDS = 30.0

MANY_CRASHES = 5
"""Calls in a row that crashed: it is the agent then, and no accident."""


class HostedAgent:
    """One version of an agent, registered with LiveKit under each of its names.

    Every name is a websocket of its own; every call is a process of its own. The first name is the one that
    tokens dispatch.
    """

    def __init__(
        self,
        call: CallJob,
        livekit: LiveKitCredentials,
        names: list[str],
        shared: Facilities,
        listener: CallListener,
        on_trial: Asked,
    ) -> None:
        """`listener` hears of each call.

        While the version is `on_trial`, calls by the later names are left to the live version.
        """
        self._slug = call.slug
        self._livekit = livekit
        self._load = shared.load
        self._ready = shared.ready
        self._listener = listener
        self._crashes_in_a_row = 0
        self._news = asyncio.Event()
        # Each needs the other: the departure looks at the registrations, the first of them asks it.
        self._registrations: list[Registration] = []
        self._departure = Departure(call.slug, self._registrations, self._close)
        self._registrations += [
            Registration(
                name,
                call,
                livekit,
                shared.pool,
                shared.http,
                shared.load.capacity,
                self._news.set,
                self,
                on_trial if number else None,
                None if number else self._departure.takes_back,
            )
            for number, name in enumerate(names)
        ]
        self._running: list[asyncio.Task[None]] = []
        self._told = asyncio.Event()

    @property
    def worker_id(self) -> str:
        """LiveKit's id of the first name's registration."""
        return self._registrations[0].worker_id

    @property
    def active_calls(self) -> int:
        """Calls that are going on now."""
        return sum(registration.active_calls for registration in self._registrations)

    @property
    def calls_taken(self) -> int:
        """Calls since the agent is here."""
        return sum(registration.calls_taken for registration in self._registrations)

    @property
    def connected(self) -> bool:
        """Whether LiveKit can reach every registration now."""
        return all(registration.connected for registration in self._registrations)

    @property
    def trouble(self) -> str | None:
        """What is wrong with the agent though it is registered; None when nothing is known to be."""
        if self._load.capacity.full == "processes":
            return (
                "No call can begin on its host: job processes die there or take too long. See the host's log."
            )
        if self._crashes_in_a_row < MANY_CRASHES:
            return None
        return f"Its last {self._crashes_in_a_row} calls crashed: see its logs."

    def taken(self, call: CallTaken) -> None:
        """A call begins."""
        self._departure.came(call.room)
        self._listener.taken(call)

    def over(self, end: CallEnd) -> None:
        """A call's process is gone."""
        self._crashes_in_a_row = self._crashes_in_a_row + 1 if end.crashed else 0
        if end.crashed or (end.dispatch and end.dispatch.last and not end.told):
            self._departure.expect(end.room)
        if end.crashed:
            logger.error("a call's process crashed", extra={"agent": self._slug, "room": end.room})
        self._listener.over(end)

    def takes_over(self) -> None:
        """It is here because its last host was lost, or gave it up: that one's calls may come."""
        self._departure.expect()

    async def changed(self) -> None:
        """Return when a connection was made or lost, or a call began or ended, since this was asked last."""
        await self._news.wait()
        self._news.clear()

    async def register(self) -> None:
        """Connect and register every name. Told to leave meanwhile, it returns without, unless it is the last
        that can hold its calls.

        Raises:
            CallsCannotBegin: this host has no job process, and ends by that.
            LiveKitRefused: the key or the secret is wrong.
            LiveKitUnreachable: LiveKit did not take the registrations within `REGISTER_SECONDS`.
        """
        try:
            await self._register()
        finally:
            self._departure.settled.set()

    async def _register(self) -> None:
        await asyncio.shield(self._ready)
        if self._told.is_set() and (self._departure.closing or not self._departure.last):
            return
        for registration in self._registrations:
            self._load.add(registration)
            self._running.append(asyncio.create_task(registration.run(), name=f"agent {registration.name}"))
        everything = asyncio.create_task(self._all_registered())
        try:
            done, _ = await asyncio.wait(
                [everything, *self._running], timeout=REGISTER_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            everything.cancel()
        self._raise_what_broke()
        missing = [registration for registration in self._registrations if not registration.connected]
        if everything not in done and missing and not self._told.is_set():
            raise missing[0].failure
        if not missing:
            names = " and ".join(registration.name for registration in self._registrations)
            logger.info(
                "registered with LiveKit at %s as %s", self._livekit.url, names, extra={"agent": self._slug}
            )

    async def _all_registered(self) -> None:
        for registration in self._registrations:
            await registration.registered.wait()

    async def lost(self) -> None:
        """Return once a registration is gone for good: connecting again was given up.

        Raises:
            Exception: it broke, and not for LiveKit.
        """
        await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        self._raise_what_broke()

    def _raise_what_broke(self) -> None:
        for task in self._running:
            error = task.exception() if task.done() and not task.cancelled() else None
            if error and not isinstance(error, LiveKitError):
                raise error

    @property
    def leaving(self) -> bool:
        """True once it was told to leave."""
        return self._told.is_set()

    @property
    def departed(self) -> bool:
        """True when nothing of the agent is left here."""
        return self._departure.done

    async def told_to_leave(self) -> None:
        """Return once `leave` was called."""
        await self._told.wait()

    def leave(self, seconds: float, *, notice: float = 0.0, last: bool = False) -> asyncio.Task[None]:
        """Take no new calls; end with the running ones, or after `seconds`. Said again, the earlier counts.

        Said first, it takes calls by the first name for another `notice` seconds: tokens are on their way. By
        the others it does for a moment, in which their next version may not know yet that it is their turn.
        Is it the `last` that can hold its calls, those that lose their agent meanwhile come back here.
        The task it gives is done when nothing of the agent is left here.
        """
        self._told.set()
        return self._departure.begin(seconds, notice=notice, last=last)

    async def _close(self) -> None:
        """End what calls are left, then the connections."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(*(registration.end_calls() for registration in self._registrations))
        except TimeoutError:
            logger.exception("a call did not end", extra={"agent": self._slug})
        for registration, task in zip(self._registrations, self._running, strict=False):
            self._load.remove(registration)
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        logger.info("left this host: no call is left here", extra={"agent": self._slug})
