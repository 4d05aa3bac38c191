"""The control worker: workflows, and the short activities they call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import uvloop
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.aftercare import AftercareActivities
from activities.control import ControlActivities
from activities.delivering import Delivering
from activities.left_alone import LeftAlone
from activities.reconcile import ReconcileActivities
from activities.recovery import CallActivities
from activities.reprocess import ReprocessActivities
from activities.steps import Steps
from activities.trials import TrialActivities
from activities.watch import WatchActivities
from agents.config import AgentConfig, OfflineStt
from agents.providers.check import check_providers
from agents.providers.offline.options import OfflineSttOptions
from common.outward import Guard, outward
from common.settings import Settings, get_settings
from db.engine import Database
from workers.agent_logs import kept_agent_logs
from workers.control.outbox import Outbox
from workers.control.schedule import keep_schedule
from workers.process import POLLERS, connect, run_process, run_until_stopped, running, stop_requested
from workflows.after import AftercareWorkflow
from workflows.agent import AgentWorkflow
from workflows.call import CallWorkflow
from workflows.call_wishes import CallNews
from workflows.host import HostWorkflow
from workflows.policy import AFTER_QUEUE, CONTROL_QUEUE, STICKY_TIMEOUT
from workflows.reconcile import ReconcileWorkflow
from workflows.replica import ReplicaWorkflow
from workflows.reprocess import ReprocessWorkflow

logger = logging.getLogger(__name__)

WARM_UP = OfflineStt(options=OfflineSttOptions(grammar=["hello"]))
WORKFLOWS = [
    AftercareWorkflow,
    AgentWorkflow,
    CallWorkflow,
    HostWorkflow,
    ReconcileWorkflow,
    ReplicaWorkflow,
    ReprocessWorkflow,
]

AFTER_AT_ONCE = 20
"""Steps that are done at the same time with calls that are over. Most of them wait for a model."""


def control_worker(
    client: Client,
    activities: ControlActivities,
    watch: WatchActivities,
    trials: TrialActivities,
    reconciler: ReconcileActivities,
    calls: CallActivities,
) -> Worker:
    """The worker, not yet running."""
    return Worker(
        client,
        task_queue=CONTROL_QUEUE,
        workflows=WORKFLOWS,
        activities=[
            activities.validate_config,
            activities.record_transitions,
            calls.finish_call,
            calls.give_up_call,
            calls.look_at_call,
            calls.send_agent,
            reconciler.look_at_agents,
            reconciler.look_at_calls,
            reconciler.mend_agents,
            reconciler.mend_calls,
            trials.judge_canary,
            watch.hand_on_agents,
        ],
        max_cached_workflows=2000,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        workflow_task_poller_behavior=POLLERS,
        activity_task_poller_behavior=POLLERS,
        graceful_shutdown_timeout=timedelta(seconds=5),
        # The sandbox costs 40 % of this process's time. Determinism is checked where it can be cured: tests
        # run every workflow in the sandbox, and recorded histories replay.
        workflow_runner=UnsandboxedWorkflowRunner(),
    )


def after_worker(client: Client, after: AftercareActivities, reprocess: ReprocessActivities) -> Worker:
    """The worker for calls that are over, not yet running: with slots of its own, for its work is slow."""
    return Worker(
        client,
        task_queue=AFTER_QUEUE,
        activities=[after.run_step, after.conclude_call, reprocess.next_calls, reprocess.end_reprocess],
        max_concurrent_activities=AFTER_AT_ONCE,
        activity_task_poller_behavior=POLLERS,
        graceful_shutdown_timeout=timedelta(seconds=5),
    )


async def run(settings: Settings) -> None:
    """Work until SIGTERM."""
    stop = stop_requested()
    client = await connect(settings)
    database = Database.connect(
        settings.database_url, settings.bionic_master_key.get_secret_value(), pool_size=10, ping=False
    )
    try:
        # The first check of a config loads the recogniser's dictionary and eSpeak: not while a person waits.
        await asyncio.to_thread(check_providers, AgentConfig(instructions="Warm up.", stt=WARM_UP))
        async with aiohttp.ClientSession() as http:
            activities = ControlActivities(database, settings, http)
            left_alone = LeftAlone(database, CallNews(client), settings.bionic_join_seconds)
            watch, trials = WatchActivities(client, database, left_alone), TrialActivities(database)
            calls = CallActivities(database, settings, http)
            reconciler = ReconcileActivities(client, database, settings, http)
            worker = control_worker(client, activities, watch, trials, reconciler, calls)
            aftercare = AftercareActivities(database, Steps(database, settings, http))
            after = after_worker(client, aftercare, ReprocessActivities(database))
            logs, outbox = kept_agent_logs(database, "control"), emptied_outbox(settings)
            async with logs, outbox, keep_schedule(client), running(worker, after) as ended:
                logger.info("control worker ready")
                await run_until_stopped(stop, ended)
    finally:
        await database.close()


@asynccontextmanager
async def emptied_outbox(settings: Settings) -> AsyncIterator[None]:
    """Number and deliver events during the block, with connections of its own: workflows wait for none."""
    key = settings.bionic_master_key.get_secret_value()
    database = Database.connect(settings.database_url, key, pool_size=3, ping=False)
    guard = Guard(settings.bionic_webhook_allow_private)
    try:
        async with outward(guard) as sender, Outbox(database, Delivering(sender)).emptied():
            yield
    finally:
        await database.close()


def main() -> None:
    """The process."""
    run_process(run(get_settings()), uvloop.new_event_loop)
