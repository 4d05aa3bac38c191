"""Hosts are listed as they last said how they are; one that fell silent is known by it; orders are kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update

from api.services.health import Component, Components, Down, HealthAnswer, Limited
from common.status import Standing
from db.models import HostRow
from db.repositories.hosts import HostFigures, HostRepository
from tests.api.conftest import Client, platform_of
from workflows.policy import HEARTBEAT_TIMEOUT

pytestmark = pytest.mark.integration

FIGURES = HostFigures("1.2.3", agents=3, active_calls=2, cpu=0.5, memory=0.25, max_calls=24)
TOO_LONG = HEARTBEAT_TIMEOUT + timedelta(seconds=1)


@pytest.fixture(autouse=True)
async def no_hosts(client: Client) -> AsyncIterator[None]:
    async with platform_of(client).hosts.postgres.begin() as db_session:
        await db_session.execute(delete(HostRow))
    yield
    async with platform_of(client).hosts.postgres.begin() as db_session:
        await db_session.execute(delete(HostRow))


async def _saw(
    client: Client, name: str, figures: HostFigures = FIGURES, *, silent: timedelta = timedelta()
) -> Standing:
    async with platform_of(client).hosts.postgres.begin() as db_session:
        wanted = await HostRepository(db_session).saw(name, "p1", figures)
        statement = update(HostRow).where(HostRow.name == name)
        await db_session.execute(statement.values(last_seen_at=HostRow.last_seen_at - silent))
    return wanted


async def _order(client: Client, name: str, verb: str, expect: int = 202) -> dict[str, Any]:
    response = await client.post(f"/api/hosts/{name}/{verb}")
    assert response.status_code == expect, response.text
    found: dict[str, Any] = response.json()
    return found


async def _statuses(client: Client) -> dict[str, str]:
    return {host["name"]: host["status"] for host in (await client.get("/api/hosts")).json()["items"]}


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
        "standing": "open",
        "inEffect": True,
        "orderedBy": None,
        "orderedAt": None,
        "version": "1.2.3",
        "agents": 3,
        "activeCalls": 2,
        "maxCalls": 24,
        "full": None,
        "cpu": 0.5,
        "memory": 0.25,
        "note": None,
    }


async def test_a_host_that_fell_silent_is_no_host_for_health(client: Client) -> None:
    health = platform_of(client).health
    with pytest.raises(Down, match="No runtime host runs"):
        await health._runtime()
    await _saw(client, "host-1", silent=TOO_LONG)
    with pytest.raises(Down, match="No runtime host runs"):
        await health._runtime()
    assert await _statuses(client) == {"host-1": "silent"}
    await _saw(client, "host-2")
    await health._runtime()
    assert list((await _statuses(client)).items()) == [("host-1", "silent"), ("host-2", "up")]


async def test_health_tells_when_no_host_takes_agents(client: Client) -> None:
    health = platform_of(client).health
    await _saw(client, "host-1")
    await _saw(client, "host-2")
    await _order(client, "host-1", "cordon")
    await health._runtime()
    await _order(client, "host-2", "cordon")
    with pytest.raises(Limited, match="“host-1” is cordoned, “host-2” is cordoned"):
        await health._runtime()
    answer = (await client.get("/health")).json()
    assert (answer["status"], answer["components"]["runtime"]["status"]) == ("degraded", "degraded")
    await _order(client, "host-1", "uncordon")
    await health._runtime()


def test_only_a_part_that_is_down_takes_the_platform_out_of_service() -> None:
    well, limited, down = (Component(status=word) for word in ("ok", "degraded", "down"))
    for part, serves in ((well, True), (limited, True), (down, False)):
        components = Components(postgres=well, temporal=well, livekit=well, runtime=part)
        assert HealthAnswer(status="degraded", components=components).serves is serves


async def test_hosts_that_went_are_forgotten_unless_they_are_to_be_so_when_they_come_back(
    client: Client,
) -> None:
    for name, silence in (("dead", 2), ("dead-cordoned", 2), ("long-dead-cordoned", 24 * 8), ("other", 0)):
        await _saw(client, name, silent=timedelta(hours=silence))
    for name in ("dead-cordoned", "long-dead-cordoned", "other"):
        await _order(client, name, "cordon")
    await _saw(client, "open")
    async with platform_of(client).hosts.postgres.begin() as db_session:
        hosts = HostRepository(db_session)
        await hosts.forget_silent(timedelta(hours=1), timedelta(days=7))
        await hosts.leave("other", "another process of that name")
        for name in ("open", "other"):
            await hosts.leave(name, "p1")
    assert await _statuses(client) == {"dead-cordoned": "silent", "other": "gone"}
    with pytest.raises(Down):
        await platform_of(client).health._runtime()
    assert await _saw(client, "other") is Standing.CORDONED
    async with platform_of(client).hosts.postgres.begin() as db_session:
        await HostRepository(db_session).leave("other", "p1")
    assert (await _order(client, "other", "uncordon"))["standing"] == "open"
    assert await _statuses(client) == {"dead-cordoned": "silent"}, "it is forgotten, as any host that left"


async def test_orders_are_noted_and_what_is_wanted_already_changes_nothing(client: Client) -> None:
    await _saw(client, "host 1")
    await _saw(client, "host-2")
    first = await _order(client, "host%201", "cordon")
    assert (first["name"], first["status"], first["standing"]) == ("host 1", "cordoned", "cordoned")
    assert (first["orderedBy"], first["inEffect"], first["note"]) == ("api-key", False, None)
    again = await _order(client, "host%201", "cordon")
    assert again["orderedAt"] == first["orderedAt"]
    opened = await _order(client, "host%201", "uncordon")
    assert opened["status"] == "up"
    assert opened["orderedAt"] > first["orderedAt"]


async def test_a_host_is_drained_when_it_says_so_and_nothing_is_left(client: Client) -> None:
    await _saw(client, "host-1", HostFigures("1", agents=0, active_calls=0, cpu=0, memory=0))
    await _saw(client, "host-2")
    assert (await _order(client, "host-1", "drain"))["status"] == "draining", "it has not heard of it yet"
    for agents, calls, status in ((1, 0, "draining"), (0, 1, "draining"), (0, 0, "drained")):
        figures = HostFigures("1", agents, calls, cpu=0, memory=0, heeds=Standing.DRAINED)
        assert await _saw(client, "host-1", figures) is Standing.DRAINED
        assert (await _statuses(client))["host-1"] == status


async def test_agents_are_not_sent_away_when_they_have_nowhere_to_go(client: Client) -> None:
    await _saw(client, "host-1")
    await _saw(client, "dead", silent=TOO_LONG)
    refused = await _order(client, "host-1", "drain", expect=409)
    assert "Start another host or uncordon one" in refused["detail"]
    await _saw(client, "host-2")
    assert (await _order(client, "host-2", "cordon"))["note"] is None
    await _order(client, "host-1", "drain", expect=409)
    last = await _order(client, "host-1", "cordon")
    assert "what is deployed now waits" in last["note"]
    await _order(client, "host-2", "uncordon")
    await _order(client, "host-1", "drain")
    await _order(client, "host-2", "drain", expect=409)


async def test_orders_to_nobody_and_rubbish_are_refused(client: Client) -> None:
    missing = await _order(client, "nobody", "cordon", expect=404)
    assert "nobody" in missing["detail"]
    await _order(client, "%00", "drain", expect=404)
    await _saw(client, "host-1")
    response = await client.post("/api/hosts/host-1/cordon", json={"force": True})
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "/force"
    assert await _statuses(client) == {"host-1": "up"}
