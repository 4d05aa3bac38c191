"""The Litestar app."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Container
from contextlib import asynccontextmanager
from importlib.metadata import version

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.plugins.pydantic import PydanticInitPlugin, PydanticSchemaPlugin

from api.auth import make_guard
from api.bodies import BodyPlugin
from api.controllers.agents import AgentController
from api.controllers.calls import CallController
from api.controllers.console import console_router
from api.controllers.deployments import DeploymentController
from api.controllers.endpoints import DeliveryController, EndpointController
from api.controllers.erasures import erase_caller, get_erasure
from api.controllers.events import follow_events
from api.controllers.health import get_health
from api.controllers.hosts import HostController
from api.controllers.logs import list_logs
from api.controllers.metrics import get_metrics
from api.controllers.overview import get_agent_stats, get_console, get_overview, list_rooms
from api.controllers.recordings import get_recording
from api.controllers.repairs import list_repairs
from api.controllers.reprocess import get_reprocess, reprocess_calls
from api.controllers.settings import SettingController
from api.controllers.trpc import call_procedures
from api.controllers.versions import VersionController
from api.controllers.webhooks import take_livekit_webhook
from api.dependencies import provide_actor, provide_platform
from api.headers import add_security_headers
from api.metrics import Metrics, Observed
from api.platform import open_platform
from api.problems import EXCEPTION_HANDLERS
from api.services.rates import RateLimit
from common.settings import Settings

MAX_BODY_BYTES = 1_000_000


def create_app(
    settings: Settings,
    *,
    rate_limit: RateLimit | None = None,
    trusted_proxies: Container[str] = frozenset(),
    closing: asyncio.Event | None = None,
) -> Litestar:
    """The app. It starts whether or not the servers it needs do; `/health` tells which of them answer.

    Args:
        settings: of this process.
        rate_limit: for token requests, per client address; 20 a second and 60 at once by default.
        trusted_proxies: addresses whose `X-Forwarded-For` is believed.
        closing: set when the server begins to end, before it waits for connections: streams end at once.
    """
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        limit = rate_limit or RateLimit()
        async with open_platform(settings, limit, trusted_proxies, closing) as platform:
            app.state.platform = platform
            yield

    app = Litestar(
        route_handlers=[
            AgentController,
            CallController,
            DeliveryController,
            DeploymentController,
            EndpointController,
            HostController,
            SettingController,
            VersionController,
            call_procedures,
            follow_events,
            erase_caller,
            get_agent_stats,
            get_console,
            get_erasure,
            get_health,
            get_metrics,
            get_overview,
            get_recording,
            get_reprocess,
            list_logs,
            list_repairs,
            list_rooms,
            reprocess_calls,
            take_livekit_webhook,
            console_router(settings),
        ],
        dependencies={
            "platform": Provide(provide_platform, sync_to_thread=False),
            "actor": Provide(provide_actor, sync_to_thread=False),
            "metrics": Provide(lambda: metrics, sync_to_thread=False),
        },
        guards=[make_guard(settings)],
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=[lifespan],
        before_send=[add_security_headers],
        plugins=[
            PydanticInitPlugin(prefer_alias=True),
            PydanticSchemaPlugin(prefer_alias=True),
            BodyPlugin(),
        ],
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=OpenAPIConfig(
            title="Bionic Agents",
            version=version("bionic-agents"),
            render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],
            openapi_router=Router("/schema", route_handlers=[]),
        ),
        logging_config=None,
        debug=False,
    )
    app.asgi_handler = Observed(app.asgi_handler, metrics)
    return app
