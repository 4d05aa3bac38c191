"""The API under test, with no servers or with a real Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast
from weakref import WeakKeyDictionary

import httpx
import pytest
from litestar.testing import AsyncTestClient

from api.app import create_app
from api.platform import Platform, open_platform
from api.services.agents import AgentService
from api.services.deployments import DeploymentService
from api.services.rates import RateLimit
from api.services.registration import RegistrationService
from api.services.rollbacks import RollbackService
from common.errors import BionicError
from common.keys import make_master_key
from common.settings import Settings
from common.status import Status
from db.migrate import upgrade
from stack import Service, Stack, StackConfig, free_ports
from stack.postgres import EmbeddedPostgres
from workflows.types import DeploymentState, DeployRequest, RetryRequest, StopRequest
from workflows.wishes import NoWorkflow, Workflows

API_KEY = "bk_test"
KEY_HEADER = {"Authorization": f"Bearer {API_KEY}"}
LIVEKIT_KEY = "test-livekit-key"
LIVEKIT_SECRET = "test-livekit-secret-of-at-least-32-bytes"
NOWHERE = "127.0.0.1:9"

Client = httpx.AsyncClient


@dataclass
class FakeWorkflows:
    """Stands in for Temporal: remembers what it was asked, and fails when told to."""

    asked: list[tuple[str, Any]] = field(default_factory=list)
    running: set[str] = field(default_factory=set)
    seen: list[str] = field(default_factory=list)
    """How far the story had come when each stop and retry was asked for: the same again is the same wish."""
    failure: BionicError | None = None

    async def deploy(self, agent_id: str, slug: str, name: str, request: DeployRequest) -> DeploymentState:
        """Note the deployment; `slug` and `name` only adorn Temporal's UI."""
        self._ask("deploy", request)
        self.running.add(agent_id)
        return DeploymentState(request.deployment_id, request.version, Status.VALIDATING, 1)

    async def retry(self, agent_id: str, request: RetryRequest, seen: str) -> DeploymentState | None:
        """Note the wish."""
        self._ask("retry", request)
        self.seen.append(seen)
        self._known(agent_id)
        return None

    async def stop(self, agent_id: str, request: StopRequest, seen: str) -> DeploymentState | None:
        """Note the wish."""
        self._ask("stop", request)
        self.seen.append(seen)
        self._known(agent_id)
        return None

    async def retire(self, agent_id: str) -> None:
        """Note the agent's end."""
        self._ask("retire", agent_id)
        self._known(agent_id)

    def _ask(self, what: str, request: Any) -> None:
        if self.failure:
            raise self.failure
        self.asked.append((what, request))

    def _known(self, agent_id: str) -> None:
        if agent_id not in self.running:
            raise NoWorkflow("The agent is not deployed. Deploy it first.")


def make_settings(database_url: str, **more: Any) -> Settings:
    """Settings of a process that knows no server but Postgres."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "bionic_master_key": make_master_key(),
        "bionic_api_key": API_KEY,
        "temporal_address": NOWHERE,
        "livekit_url": f"ws://{NOWHERE}",
        "livekit_api_key": LIVEKIT_KEY,
        "livekit_api_secret": LIVEKIT_SECRET,
        "livekit_internal_url": None,
        "agent_runtime_api_url": "http://localhost:8080",
        "bionic_web_dir": None,
    }
    return Settings(**(values | more))


@asynccontextmanager
async def serving(settings: Settings, **options: Any) -> AsyncIterator[Client]:
    """A client of a whole app with its lifespan, which has an event loop of its own."""
    options.setdefault("rate_limit", RateLimit(rate=1000, burst=1000))
    app = create_app(settings, **options)
    async with AsyncTestClient(app, base_url="http://testserver.local") as client:
        yield client


@asynccontextmanager
async def serving_here(settings: Settings, workflows: FakeWorkflows) -> AsyncIterator[Client]:
    """As `serving`, but in the test's own event loop, so that tests may use the app's connections."""
    app = create_app(settings)
    rate_limit = RateLimit(rate=1000, burst=1000)
    async with open_platform(settings, rate_limit, frozenset()) as platform:
        app.state.platform = with_workflows(platform, workflows)
        transport = httpx.ASGITransport(app=cast("Any", app))
        async with Client(transport=transport, base_url="http://testserver.local") as client:
            _PLATFORMS[client] = app.state.platform
            yield client


_PLATFORMS: WeakKeyDictionary[Client, Platform] = WeakKeyDictionary()


def with_workflows(platform: Platform, fake: FakeWorkflows) -> Platform:
    """The platform with other workflows."""
    workflows = cast("Workflows", fake)
    deployments = DeploymentService(platform.deployments.postgres, workflows, platform.settings)
    return replace(
        platform,
        agents=AgentService(deployments.postgres, workflows, platform.settings),
        deployments=deployments,
        registration=RegistrationService(deployments.postgres, deployments),
        rollbacks=RollbackService(deployments),
    )


def platform_of(client: Client) -> Platform:
    """The platform behind a client of `serving_here`."""
    return _PLATFORMS[client]


@pytest.fixture(scope="session")
async def database_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A migrated database on a Postgres of our own."""
    state_dir = tmp_path_factory.mktemp("postgres")
    config = StackConfig(state_dir=state_dir, ports=free_ports(), services=frozenset({Service.POSTGRES}))
    async with Stack(config) as stack:
        # Alembic's script runs a loop of its own, so it needs a thread of its own.
        await EmbeddedPostgres(state_dir).create_database()
        await asyncio.to_thread(upgrade, stack.database_url)
        yield stack.database_url


@pytest.fixture
def offline_settings(tmp_path: Path) -> Settings:
    """Settings of a process that reaches no server at all."""
    return make_settings(
        f"postgresql://postgres@/nothing?host={tmp_path}", bionic_web_dir=str(tmp_path / "web")
    )


@pytest.fixture
async def offline(offline_settings: Settings) -> AsyncIterator[Client]:
    """An API that reaches no server."""
    async with serving(offline_settings) as client:
        yield client


@pytest.fixture(scope="session")
def settings(database_url: str) -> Settings:
    """Settings with a real Postgres."""
    return make_settings(database_url)


@pytest.fixture
def workflows() -> FakeWorkflows:
    """What the API asked of Temporal."""
    return FakeWorkflows()


@pytest.fixture
async def client(settings: Settings, workflows: FakeWorkflows) -> AsyncIterator[Client]:
    """A signed-in client of an API with a real Postgres."""
    async with serving_here(settings, workflows) as found:
        found.headers.update(KEY_HEADER)
        yield found
