"""A runtime host: many agents in one process, every call in a process of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
from asyncio import Task
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

import aiohttp
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities.call_reports import CallReports
from activities.door import Door
from activities.farewells import Farewells
from activities.hosting import HostActivities
from activities.lease import Lease
from activities.left_alone import LeftAlone
from activities.recordings import Keeper
from activities.recovery import CallActivities
from activities.salvage import Salvage
from activities.set_aside import SetAside
from activities.stay import Tenant
from activities.waiting_callers import WaitingCallers
from activities.watch import HandOn, worker_identity
from agents.capacity import Capacity
from agents.facilities import open_facilities
from agents.trust import have_roots
from common.errors import Unavailable
from common.settings import Settings, get_settings
from common.status import Standing
from db.engine import Database
from db.repositories.hosts import HostFigures, HostRepository
from workers.agent_logs import kept_agent_logs
from workers.process import POLLERS, connect, run_process, run_until_stopped, running, stop_requested
from workers.runtime.limits import limits, usage
from workers.runtime.name import host_name
from workers.runtime.presence import Presence
from workers.runtime.slots import agent_slots
from workflows.call_wishes import CallNews
from workflows.policy import HEARTBEAT, RUNTIME_QUEUE, START_AT_ONCE, host_queue

logger = logging.getLogger(__name__)

MAX_AGENTS = 2000
"""Agents on one host: slots of its worker. A registration is two websockets and about 0.1 MB."""

MAC_FILES = 10_240

MIND_SECONDS = 60.0
ON_THE_WAY_SECONDS = 10.0
"""What was not here both before and after this time is not on its way."""

FOR_POSTGRES = timedelta(seconds=1)
"""What workflows tell it is there by then."""

AGAIN_SECONDS = 1.0
"""Before what the last process carried is freed once more: Temporal or Postgres did not answer in time."""

AWAY = (SQLAlchemyError, OSError, RPCError, Unavailable)
"""What is raised where Postgres or Temporal is away, or so busy that it might as well be."""

LAST_MOMENT_LOOKS = 3
"""How often a process that begins looks for what the one before was given as it died: some of the time within
which that must be known has gone by."""

NEWS_TIMEOUT = timedelta(seconds=1)
"""For Temporal to hear of a lost agent; then the host sends the next one itself. A caller waits."""

GOING_SECONDS = 5
"""How long activities may take to hand over when the host stops."""


def raise_file_limit() -> None:
    """Two sockets a name and agent add up: take as many files as the system grants."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS says that there is no limit, and takes none above this.
    soft = MAC_FILES if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def host_workers(client: Client, activities: HostActivities) -> tuple[Worker, Worker]:
    """The worker that takes agents, and the one that takes orders for this host alone."""
    identity = worker_identity(activities.host, os.getpid())
    agents = Worker(
        client,
        task_queue=RUNTIME_QUEUE,
        activities=[activities.host_agent],
        tuner=agent_slots(activities.door, MAX_AGENTS),
        activity_task_poller_behavior=POLLERS,
        max_heartbeat_throttle_interval=HEARTBEAT,
        default_heartbeat_throttle_interval=HEARTBEAT,
        graceful_shutdown_timeout=timedelta(seconds=GOING_SECONDS),
        identity=identity,
    )
    orders = Worker(
        client,
        task_queue=host_queue(activities.host),
        activities=[activities.release_agent, activities.lease.keep_host],
        max_heartbeat_throttle_interval=HEARTBEAT,
        graceful_shutdown_timeout=timedelta(seconds=GOING_SECONDS),
        identity=identity,
    )
    return agents, orders


def figures(tenants: Collection[Tenant], capacity: Capacity, door: Door, farewells: Farewells) -> HostFigures:
    """How this host is now. Its agents are also those that it gives up and no other host has yet, its calls
    those of all that have left it already."""
    return HostFigures(
        version=version("bionic-agents"),
        agents=len(tenants) + farewells.staying,
        active_calls=capacity.calls,
        cpu=capacity.usage.cpu,
        memory=capacity.usage.memory,
        max_calls=capacity.limits.calls,
        full=capacity.full,
        heeds=Standing.DRAINED if farewells.going else door.standing,
    )


async def free_the_last(activities: HostActivities, since: datetime) -> None:
    """What the process before this one carried is free for any host; `since` then the name is ours.

    That process is dead: nobody else could have its name.
    """
    left_alone = LeftAlone(
        activities.database, CallNews(activities.client), activities.settings.bionic_join_seconds
    )
    reason = f"The process of host {activities.host} that carried it is gone."
    hand_on = HandOn(activities.client, activities.database, activities.host, reason, since)

    async def _agents() -> None:
        if agents := await hand_on.all():
            logger.info("the agents of this host's last process are free", extra={"agents": agents})

    async def _calls() -> None:
        await Salvage(activities.database, activities.settings.bionic_spool).sweep()
        await left_alone.before(activities.host, activities.lease.process)

    # No caller waits for a thousand agents, for one may be elsewhere already; nor they for a caller.
    async with kept(
        _at_last(_agents, "agents of this host's last process"),
        _at_last(_calls, "calls of this host's last process"),
    ) as both:
        await asyncio.gather(*both)
    # An agent that it was given in its last moment is not known to Postgres until it is slow to register.
    for _ in range(LAST_MOMENT_LOOKS):
        await asyncio.sleep((START_AT_ONCE + FOR_POSTGRES).total_seconds() / LAST_MOMENT_LOOKS)
        try:
            await hand_on.all()
        except AWAY as error:
            logger.warning("this host's last process is not looked after once more: %s", error)


async def _at_last(work: Callable[[], Awaitable[None]], what: str) -> None:
    """Do it until it is done: an answer that came too late is no reason for a host with its agents to end."""
    while True:
        try:
            await work()
        except AWAY as error:
            logger.warning("%s are not free yet: %s", what, error)
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            return


async def mind_the_lost(activities: HostActivities) -> None:
    """Every minute, give back what Temporal takes for carried here and is not; for ever.

    Temporal may have been away when an agent's activity ended, or its hand-out was lost on the way.
    """
    reason = f"Host {activities.host} does not carry it any more; another one takes over."
    hand_on = HandOn(activities.client, activities.database, activities.host, reason)
    while True:
        await asyncio.sleep(MIND_SECONDS)
        try:
            async with activities.database.begin() as db_session:
                carried = await HostRepository(db_session).carried(activities.host)
            ours = [replica for replica in carried if replica.host in {None, activities.host}]
            here = activities.carried
            missing = [replica for replica in ours if replica.id not in here]
            await asyncio.sleep(ON_THE_WAY_SECONDS)
            here = activities.carried
            given_back = await hand_on.these([replica for replica in missing if replica.id not in here])
        except AWAY as error:
            logger.warning("what was lost on its way can't be looked for: %s", error)
            continue
        if given_back:
            logger.warning("agents that were lost on their way are given back", extra={"agents": given_back})


@asynccontextmanager
async def kept(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[list[Task[None]]]:
    """Run them during the block."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run(settings: Settings) -> None:
    """Host agents until SIGTERM; then hand them over and see the last calls off."""
    stop = stop_requested()
    raise_file_limit()
    have_roots()
    client = await connect(settings)
    database = Database.connect(
        settings.database_url, settings.bionic_master_key.get_secret_value(), pool_size=10
    )
    try:
        platform = f"{settings.temporal_address}/{settings.temporal_namespace}"
        with host_name(settings.bionic_host_name, platform) as name:
            tenants: dict[tuple[str, int], Tenant] = {}
            capacity, door = Capacity(limits(settings), usage), Door()
            farewells = Farewells(database, client, name)
            lease = Lease(client, name, lambda: figures(tenants.values(), capacity, door, farewells))
            async with kept_agent_logs(database, name):
                facilities = open_facilities(capacity, settings.bionic_call_memory_mb)
                async with aiohttp.ClientSession() as http, facilities as shared:
                    calls = CallActivities(database, settings, http)
                    salvage = Salvage(database, settings.bionic_spool)
                    reports = CallReports(lease, database, CallNews(client, NEWS_TIMEOUT), calls, salvage)
                    waiting = WaitingCallers(database, CallNews(client), settings.bionic_join_seconds)
                    activities = HostActivities(
                        lease,
                        database,
                        client,
                        settings,
                        http,
                        shared,
                        reports,
                        waiting,
                        farewells,
                        tenants,
                        door,
                    )
                    await host(activities, await lease.take(), stop)
    finally:
        await database.close()


async def once(work: Awaitable[None]) -> None:
    """Wait for `work`, then for ever: it is the end of the host only when it fails."""
    await work
    await asyncio.Event().wait()


async def host(activities: HostActivities, since: datetime, stop: asyncio.Event) -> None:
    """Take agents until `stop`; return when the last call is over. Since `since` the host's name is ours."""
    keeper = Keeper(activities.host, activities.database, activities.settings)
    presence = Presence(activities.database, activities.lease, activities.door)
    minding = (
        activities.lease.watch(),
        mind_the_lost(activities),
        activities.waiting.keep(),
        keeper.keep(activities.facilities.pool.closed),
        Salvage(activities.database, activities.settings.bionic_spool).keep(),
        SetAside(activities.database, activities.settings.bionic_spool).keep(),
        once(asyncio.shield(activities.facilities.ready)),
    )
    workers = running(*host_workers(activities.client, activities))
    try:
        # Freed only when agents are asked for already: Temporal hands over at once what somebody waits for.
        freeing = kept(once(free_the_last(activities, since)))
        async with kept(presence.keep()) as there:
            async with kept(*minding) as kin, workers as ended, freeing as freed:
                logger.info("runtime host ready", extra={"host": activities.host})
                await run_until_stopped(stop, ended, *there, *kin, *freed)
                logger.info("going: handing over", extra={"agents": len(activities.tenants)})
                activities.farewells.going = True
            # Callers are sent to agents of hosts that are there, and until others have them that is here.
            await activities.farewells.handed_over()
    finally:
        await activities.close()
        await keeper.close()


def main() -> None:
    """The process."""
    run_process(run(get_settings()))
