"""Hosts are listed as they last said how they are, and one that fell silent is known by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from api.services.health import Down
from db.models import HostRow
from db.repositories.hosts import HostFigures, HostRepository
from tests.api.conftest import Client, platform_of
from workflows.policy import HEARTBEAT_TIMEOUT

pytestmark = pytest.mark.integration

FIGURES = HostFigures("1.2.3", agents=3, active_calls=2, cpu=0.5, memory=0.25)


@pytest.fixture(autouse=True)
async def no_hosts(client: Client) -> AsyncIterator[None]:
    yield
    async with platform_of(client).hosts.postgres.begin() as db_session:
        await db_session.execute(delete(HostRow))


async def _saw(
    client: Client, name: str, figures: HostFigures = FIGURES, *, silent: timedelta = timedelta()
) -> None:
    async with platform_of(client).hosts.postgres.begin() as db_session:
        await HostRepository(db_session).saw(name, "p1", figures)
        statement = update(HostRow).where(HostRow.name == name)
        await db_session.execute(statement.values(last_seen_at=HostRow.last_seen_at - silent))


async def test_a_host_is_listed_with_what_it_said_last(client: Client) -> None:
    await _saw(client, "host-1", HostFigures("1.2.3", agents=0, active_calls=0, cpu=0.1, memory=0.1))
    await _saw(client, "host-1")
    answer = (await client.get("/api/hosts")).json()
    (host,) = answer["items"]
    assert answer["nextCursor"] is None
    assert host["startedAt"] <= host["lastSeenAt"]
    del host["startedAt"], host["lastSeenAt"]
    assert host == {
        "name": "host-1",
        "status": "up",
        "version": "1.2.3",
        "agents": 3,
        "activeCalls": 2,
        "cpu": 0.5,
        "memory": 0.25,
    }


async def test_a_host_that_fell_silent_is_no_host_for_health(client: Client) -> None:
    health = platform_of(client).health
    with pytest.raises(Down, match="No runtime host runs"):
        await health._runtime()
    await _saw(client, "host-1", silent=HEARTBEAT_TIMEOUT + timedelta(seconds=1))
    with pytest.raises(Down, match="No runtime host runs"):
        await health._runtime()
    assert [host["status"] for host in (await client.get("/api/hosts")).json()["items"]] == ["silent"]
    await _saw(client, "host-2")
    await health._runtime()
    listed = (await client.get("/api/hosts")).json()["items"]
    assert [(host["name"], host["status"]) for host in listed] == [("host-1", "silent"), ("host-2", "up")]


async def test_hosts_that_went_are_forgotten(client: Client) -> None:
    await _saw(client, "host-1", silent=timedelta(hours=2))
    await _saw(client, "host-2")
    async with platform_of(client).hosts.postgres.begin() as db_session:
        await HostRepository(db_session).forget_silent(timedelta(hours=1))
        assert [seen.host.name for seen in await HostRepository(db_session).list()] == ["host-2"]
        await HostRepository(db_session).forget("host-2", "p1")
        assert await HostRepository(db_session).list() == []
