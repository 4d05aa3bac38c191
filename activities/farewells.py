"""How a host parts with agents that it gives up: others have them first, and what their workflows order about
their last calls is done here too."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client
from temporalio.exceptions import TemporalError
from temporalio.service import RPCError

from activities.reporter import Reporter
from agents.hosting import HostedAgent
from common.errors import Unavailable
from common.status import Status
from db.engine import Database
from db.repositories.hosts import HostRepository
from db.repositories.replicas import ReplicaRepository, ToldReplica
from workflows.absence import no_workflow
from workflows.policy import HANDOVER, HEARTBEAT_TIMEOUT
from workflows.types import StopReplica

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""Between two looks at how the agents' replicas are: one question to Postgres, however many there are."""

ANSWER_SECONDS = 1.0
"""For Postgres to answer it."""

SILENCE_SECONDS = 10.0
"""How long it counts that another host takes agents, where Postgres has told so and then falls silent: it may
be busy, as that host is."""

MOST_SECONDS = 60.0
"""How long an agent takes calls here while another host is on its way to it. Of 120 that moved at once on two
cores, the last one was registered after ten seconds, and Postgres told so after twenty-three."""

AT_ONCE = 16
"""Workflows that are asked for their orders at the same time."""

AGAIN_SECONDS = 2.0
"""Before one is asked again that did not answer, or has not got its order yet."""

ORDER_TIMEOUT = timedelta(seconds=5)

NOBODY_HAS_IT = "takes no calls any more, and no other host has the agent yet."

_ENDING = {Status.DRAINING, Status.STOPPED, Status.FAILED}


class HostGoing(Unavailable):
    """This host is shutting down or shall be empty; another one takes the agent over."""

    expected = True
    retry_seconds = 0.1
    """An agent that was moved a dozen times would wait half a minute for its next host."""


class HostClosed(HostGoing):
    """This host takes no agents now; Temporal was asked for some before."""

    retry_seconds = 0.01
    """The host may have asked a dozen times: the agent goes through them all in half a second."""


class Farewell:
    """One agent on its way out."""

    def __init__(self, agent: HostedAgent, reporter: Reporter, *, moving: bool) -> None:
        self.agent, self.reporter = agent, reporter
        self.moving = moving
        """Whether it is on its way, and no other host has it yet."""
        self.free = asyncio.Event()
        """Set once nobody needs the agent here for new calls."""
        if not moving:
            self.free.set()
        self.unheard = asyncio.Event()
        """Set while its workflow may have ordered something that this host does not know."""
        self.draining = False
        """Whether an order to end was told of last."""
        self._sequence = -1
        self._hope = self._now() + HANDOVER.total_seconds()

    def told(self, replica: ToldReplica) -> None:
        """How its replica is, by Postgres."""
        ending = replica.status in _ENDING
        self.draining = replica.status is Status.DRAINING
        if ending or (replica.status is Status.RUNNING and replica.attempt > self.reporter.attempt):
            self.arrived()
        if ending and replica.sequence != self._sequence:
            self._sequence = replica.sequence
            self.unheard.set()

    def arrived(self) -> None:
        """Another host has it, or it is to end."""
        self.moving = False
        self.free.set()

    def hope(self, *, others: bool) -> None:
        """Whether there is another host that can take the agent over."""
        if others:
            self._hope = self._now() + SILENCE_SECONDS
        else:
            self._hope = min(self._hope, self._now() + HANDOVER.total_seconds())

    def give_up(self) -> None:
        """Wait no longer than hope lasts."""
        if self._now() >= self._hope:
            self.free.set()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


class Farewells:
    """Of one host. An agent takes calls until Postgres tells that another host has registered it. Where it
    tells nothing, or that no other host takes agents, that is for `HANDOVER`.
    """

    def __init__(self, database: Database, client: Client, host: str) -> None:
        self._database, self._client, self._host = database, client, host
        self.going = False
        """Whether this host is about to end: others need not count on it."""
        self._all: dict[Farewell, asyncio.Task[None]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._heard = True

    @property
    def staying(self) -> int:
        """Agents that take calls here until another host has them."""
        return sum(not each.free.is_set() for each in self._all)

    def say(
        self,
        agent: HostedAgent,
        reporter: Reporter,
        seconds: float,
        *,
        moving: bool = False,
        ordered: bool = False,
    ) -> asyncio.Task[None]:
        """See an agent off, whose last calls have so many seconds. One that is `moving` takes calls until
        another host has it, and its workflow hears where none has; of one that may be `ordered` to end, the
        workflow is asked for the order.

        The task it gives is done when nothing of the agent is left here.
        """
        farewell = Farewell(agent, reporter, moving=moving)
        if ordered:
            farewell.unheard.set()
        task = asyncio.create_task(self._see_off(farewell, seconds), name="see off an agent")
        self._all[farewell] = task
        task.add_done_callback(lambda _: self._all.pop(farewell, None))
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="look after agents that leave")
        return task

    async def handed_over(self) -> None:
        """Return when no agent waits for another host any more."""
        await asyncio.gather(*(each.free.wait() for each in list(self._all)))

    async def close(self) -> None:
        """Wait until all have left, each with its own limit."""
        await asyncio.gather(*self._all.values(), return_exceptions=True)
        if self._looking:
            self._looking.cancel()
            # It may be asking: whoever closes the database next would leave its connection open.
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _see_off(self, farewell: Farewell, seconds: float) -> None:
        heeding = asyncio.create_task(self._heed(farewell), name="heed the orders of an agent that leaves")
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(farewell.free.wait(), MOST_SECONDS)
            farewell.free.set()
            leaving = farewell.agent.leave(seconds)
            if farewell.moving:
                await self._tell(farewell.reporter, leaving)
            await leaving
        finally:
            heeding.cancel()

    async def _tell(self, reporter: Reporter, leaving: asyncio.Task[None]) -> None:
        """Have the workflow know that nobody takes the agent's calls, as long as something of it is here."""
        await reporter.tell(Status.DEGRADED, reason=f"Host {self._host} {NOBODY_HAS_IT}")
        while not (reporter.delivered or leaving.done()):
            await asyncio.wait([leaving], timeout=AGAIN_SECONDS)
            await reporter.deliver()

    async def _look(self) -> None:
        """Until nobody is left to be seen off."""
        while self._all:
            await asyncio.sleep(LOOK_SECONDS)
            replicas, others = await self._ask()
            for each in self._all:
                if replica := replicas.get(each.reporter.replica_id):
                    each.told(replica)
                    each.hope(others=others)
                each.give_up()

    async def _ask(self) -> tuple[Mapping[str, ToldReplica], bool]:
        """What Postgres tells of their replicas, and whether another host takes agents."""
        ids = {each.reporter.replica_id for each in self._all}
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._database.begin() as db_session:
                replicas = await ReplicaRepository(db_session).told(ids)
                others = await HostRepository(db_session).others_take_agents(self._host, HEARTBEAT_TIMEOUT)
        except (SQLAlchemyError, OSError) as error:
            if self._heard:
                logger.warning("Postgres does not tell where agents are: %s", type(error).__name__)
            self._heard = False
            return {}, False
        self._heard = True
        return replicas, others

    async def _heed(self, farewell: Farewell) -> None:
        """Do what the agent's workflow orders, whenever it has ordered something."""
        while True:
            await farewell.unheard.wait()
            farewell.unheard.clear()
            try:
                async with self._turn:
                    order = await self._order(farewell.reporter.replica_id)
            except TemporalError as error:
                replica_id = farewell.reporter.replica_id
                logger.warning("the order for %s can't be asked for: %s", replica_id, error)
                await _soon_again(farewell)
                continue
            if order:
                farewell.agent.leave(order.drain_seconds, notice=order.notice_seconds, last=order.last)
                farewell.arrived()
            elif farewell.draining:  # it is still on its way to the workflow
                await _soon_again(farewell)

    async def _order(self, replica_id: str) -> StopReplica | None:
        """What a replica's workflow was told about its end, which may have come."""
        handle = self._client.get_workflow_handle(replica_id)
        try:
            found: StopReplica | None = await handle.query(
                "order", result_type=StopReplica, rpc_timeout=ORDER_TIMEOUT
            )
        except RPCError as error:
            if not no_workflow(error):
                raise
            return None
        return found


async def _soon_again(farewell: Farewell) -> None:
    await asyncio.sleep(AGAIN_SECONDS)
    farewell.unheard.set()
