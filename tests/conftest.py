"""The real thing for every test that asks for it."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator, Generator, Iterator

import httpx
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from common.keys import make_master_key
from db.engine import Database, async_url
from db.migrate import upgrade
from stack import free_ports
from stack.config import Service, StackConfig
from stack.embedded import Stack
from tests.support.platform import Platform
from tests.support.told import Told

TOLD = pytest.StashKey[Told]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Below a failure stands what the servers said meanwhile."""
    report = yield
    if report.failed and (told := item.stash.get(TOLD, None)) is not None:
        report.sections += [(f"{call.when}: {log}", said) for log, said in told.since()]
    return report


@pytest.fixture(autouse=True)
def _machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests that are marked `alone` run while no other worker runs any; the others share the machine."""
    place = tmp_path_factory.getbasetemp().parent
    alone = request.node.get_closest_marker("alone") is not None
    with (place / "gate.lock").open("w") as gate, (place / "machine.lock").open("w") as machine:
        # Whoever waits to be alone holds the gate: otherwise the others would go on sharing for ever.
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(machine, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        request.node.stash[TOLD] = Told(tmp_path_factory.getbasetemp())
        yield


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Postgres, Temporal, LiveKit, API, control worker and runtime host on ports of their own."""
    config = StackConfig(
        state_dir=tmp_path_factory.mktemp("stack"),
        ports=free_ports(),
        # A machine that is busy with tests is no reason to refuse a caller.
        env={
            "BIONIC_DRAIN_SECONDS": "5",
            "BIONIC_TRUSTED_PROXIES": "127.0.0.1",
            "BIONIC_MAX_CALLS": "1000",
            "BIONIC_MAX_CPU": "1",
        },
    )
    async with Stack(config) as running:
        await running.wait_healthy(60)
        yield running


@pytest.fixture(scope="session")
async def platform(stack: Stack) -> AsyncIterator[Platform]:
    """What a person does with the stack: through the API, as any client."""
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    async with httpx.AsyncClient(base_url=stack.api_url, headers=headers, timeout=20) as http:
        yield Platform(stack, http)


@pytest.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Postgres alone, which tests may stop and start."""
    config = StackConfig(
        state_dir=tmp_path_factory.mktemp("postgres"), services=frozenset({Service.POSTGRES})
    )
    async with Stack(config) as alone:
        yield alone


@pytest.fixture(scope="session")
async def database_url(postgres: Stack) -> str:
    """A migrated database."""
    url = make_url(postgres.database_url)
    engine = create_async_engine(async_url(str(url.set(database="postgres"))), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text("CREATE DATABASE repositories"))
    await engine.dispose()
    wanted = url.set(database="repositories").render_as_string(hide_password=False)
    await asyncio.to_thread(upgrade, wanted)
    return wanted


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Its connection pool."""
    database = Database.connect(database_url, make_master_key())
    yield database
    await database.close()
