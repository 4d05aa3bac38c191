"""Everything that handlers need, made when the API starts and closed when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Container
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from temporalio.client import Client

from api.postgres import Postgres
from api.services.agents import AgentService
from api.services.call_board import CallBoard
from api.services.calls import CallService
from api.services.deployments import DeploymentService
from api.services.endpoints import EndpointService
from api.services.erasures import ErasureService
from api.services.event_stream import EventRetention, EventStream
from api.services.health import HealthService
from api.services.hosts import HostService
from api.services.leftovers import Leftovers
from api.services.livekit import LiveKit
from api.services.logs import LogRetention, LogService
from api.services.rates import RateLimit
from api.services.recordings import RecordingService
from api.services.registration import RegistrationService
from api.services.repairs import RepairService
from api.services.reprocess import ReprocessService
from api.services.retention import EVERY_SECONDS, Retention, StrangeRooms
from api.services.rollbacks import RollbackService
from api.services.rooms import RoomService
from api.services.settings import SettingService
from api.services.stats import StatsService
from api.services.sweeps import Counts, NoShows, keep_sweeping
from api.services.tokens import TokenService
from api.services.versions import VersionService
from api.services.webhooks import WebhookService
from common.outward import Guard
from common.settings import Settings
from db.engine import Database
from workflows.call_wishes import CallNews
from workflows.reprocess_wishes import Reprocessing
from workflows.wishes import Workflows

_LIVEKIT_TIMEOUT = aiohttp.ClientTimeout(total=5)
_RETENTION_SECONDS = 60.0


@dataclass(frozen=True)
class Platform:
    """The services, each with what it depends on."""

    settings: Settings
    agents: AgentService
    calls: CallService
    deployments: DeploymentService
    endpoints: EndpointService
    events: EventStream
    erasures: ErasureService
    health: HealthService
    hosts: HostService
    logs: LogService
    recordings: RecordingService
    registration: RegistrationService
    repairs: RepairService
    reprocessing: ReprocessService
    rollbacks: RollbackService
    rooms: RoomService
    stored_settings: SettingService
    stats: StatsService
    tokens: TokenService
    versions: VersionService
    webhooks: WebhookService
    rate_limit: RateLimit
    trusted_proxies: Container[str]


@asynccontextmanager
async def open_platform(
    settings: Settings,
    rate_limit: RateLimit,
    trusted_proxies: Container[str],
    closing: asyncio.Event | None = None,
) -> AsyncIterator[Platform]:
    """The platform, for as long as the block lasts; streams end when it is `closing`. Needs no server to
    answer yet."""
    database = Database.connect(settings.database_url, settings.bionic_master_key.get_secret_value())
    # Lazy, so that the API starts and serves what it can while Temporal is away.
    temporal = await Client.connect(
        settings.temporal_address, namespace=settings.temporal_namespace, lazy=True
    )
    async with aiohttp.ClientSession(timeout=_LIVEKIT_TIMEOUT) as http:
        board = CallBoard(CallNews(temporal), settings.bionic_join_seconds)
        events = EventStream(Postgres(database), settings, closing or asyncio.Event())
        platform = _build(settings, events, temporal, http, board, rate_limit, trusted_proxies)
        lines = LogRetention(platform.logs.postgres, settings)
        retention = Retention(platform.logs.postgres, settings)
        strange = StrangeRooms(platform.logs.postgres)
        old_events = EventRetention(events.postgres)
        sweeps = [
            asyncio.create_task(keep_sweeping("leftover deployments", Leftovers(platform.deployments).sweep)),
            asyncio.create_task(keep_sweeping("abandoned calls", NoShows(platform.calls.postgres).sweep)),
            asyncio.create_task(keep_sweeping("counts of calls", Counts(platform.calls.postgres).sweep)),
            asyncio.create_task(keep_sweeping("old lines of logs", lines.sweep, _RETENTION_SECONDS)),
            asyncio.create_task(keep_sweeping("old events", old_events.sweep, _RETENTION_SECONDS)),
            asyncio.create_task(keep_sweeping("old calls", retention.sweep, EVERY_SECONDS)),
            asyncio.create_task(keep_sweeping("webhooks of strange rooms", strange.sweep, EVERY_SECONDS)),
            asyncio.create_task(keep_sweeping("recordings of deleted calls", platform.recordings.sweep)),
            asyncio.create_task(keep_sweeping("steps to be done again", platform.reprocessing.sweep)),
        ]
        try:
            async with board.staffed(), events.flowing():
                yield platform
        finally:
            for sweep in sweeps:
                sweep.cancel()
            await asyncio.gather(*sweeps, return_exceptions=True)
            await database.close()


def _build(
    settings: Settings,
    events: EventStream,
    temporal: Client,
    http: aiohttp.ClientSession,
    board: CallBoard,
    rate_limit: RateLimit,
    trusted_proxies: Container[str],
) -> Platform:
    postgres = events.postgres
    livekit = LiveKit(postgres, settings, http)
    workflows = Workflows(temporal)
    deployments = DeploymentService(postgres, workflows, settings)
    return Platform(
        settings=settings,
        agents=AgentService(postgres, workflows, settings),
        calls=CallService(postgres, livekit),
        deployments=deployments,
        endpoints=EndpointService(postgres, Guard(settings.bionic_webhook_allow_private).permits_url),
        events=events,
        erasures=ErasureService(postgres),
        health=HealthService(postgres, temporal, livekit),
        hosts=HostService(postgres),
        logs=LogService(postgres),
        recordings=RecordingService(postgres, settings),
        registration=RegistrationService(postgres, deployments),
        repairs=RepairService(postgres),
        reprocessing=ReprocessService(postgres, Reprocessing(temporal)),
        rollbacks=RollbackService(deployments),
        rooms=RoomService(postgres, livekit),
        stored_settings=SettingService(postgres),
        stats=StatsService(postgres),
        tokens=TokenService(postgres, livekit, board),
        versions=VersionService(postgres),
        webhooks=WebhookService(postgres, livekit, board),
        rate_limit=rate_limit,
        trusted_proxies=trusted_proxies,
    )
