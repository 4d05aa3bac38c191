"""Whoever gets a token is awaited by a host with room; where there is none, callers are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, func, select, update

from common.status import Standing, Status
from db.models import AgentRow, CallRow, HostRow, ReplicaRow
from db.repositories import lines
from db.repositories.hosts import HostFigures, HostRepository
from tests.api.conftest import Client, platform_of
from tests.api.helpers import carried, make_live
from workflows.policy import HEARTBEAT_TIMEOUT

pytestmark = pytest.mark.integration

TOKEN = "/api/trpc/livekit.getToken"
TOO_LONG = HEARTBEAT_TIMEOUT + timedelta(seconds=1)
HOST = "anywhere"


@pytest.fixture(autouse=True)
async def nothing_else(client: Client, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    # This Postgres was started by the tests: it would excuse every silence.
    monkeypatch.setattr(lines, "up_since", lambda: func.to_timestamp(0))
    await _execute(client, delete(CallRow))
    yield
    await _execute(client, delete(HostRow))


async def _execute(client: Client, statement: Any) -> None:
    async with platform_of(client).hosts.postgres.begin() as db_session:
        await db_session.execute(statement)


async def _host(client: Client, calls: int, most: int | None, full: str | None = None) -> None:
    async with platform_of(client).hosts.postgres.begin() as db_session:
        figures = HostFigures("1", 1, calls, cpu=0, memory=0, max_calls=most, full=full)
        await HostRepository(db_session).saw(HOST, "p1", figures)


async def _asks(client: Client, agent: dict[str, Any]) -> int:
    return (await client.post(TOKEN, json={"agentId": agent["id"]})).status_code


async def test_a_full_host_is_not_sent_callers_and_they_are_told(client: Client) -> None:
    agent = await make_live(client)
    await _host(client, calls=2, most=2, full="calls")
    response = await client.post(TOKEN, json={"agentId": agent["slug"]})
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "2"
    assert "Retry-After" in response.headers["Access-Control-Expose-Headers"]
    error = response.json()["error"]
    assert (error["data"]["code"], error["code"]) == ("SERVICE_UNAVAILABLE", -32603)
    assert error["message"] == f"All lines of “{agent['slug']}” are busy just now. Try again in a moment."
    calls = await client.get("/api/calls", params={"agent": agent["id"]})
    assert calls.json()["items"] == [], "no call that nobody will ever have"
    await _host(client, calls=0, most=2, full="cpu")
    assert await _asks(client, agent) == 503
    await _host(client, calls=1, most=2)
    assert await _asks(client, agent) == 200


async def test_a_crowd_that_asks_at_once_gets_no_more_tokens_than_there_are_lines(client: Client) -> None:
    agent, neighbour = await make_live(client), await make_live(client)
    await _host(client, calls=2, most=10)
    answers = await asyncio.gather(*(_asks(client, each) for each in [agent, neighbour] * 15))
    assert answers.count(200) == 8
    assert answers.count(503) == 22
    # Those who did not come are not waited for.
    earlier = CallRow.created_at - lines.ON_THE_WAY
    await _execute(client, update(CallRow).values(created_at=earlier))
    assert await _asks(client, agent) == 200


async def test_callers_of_agents_on_other_hosts_take_no_lines_here(client: Client) -> None:
    agent, elsewhere = await make_live(client), await make_live(client)
    await _host(client, calls=0, most=1)
    async with platform_of(client).hosts.postgres.begin() as db_session:
        row = await db_session.get_one(AgentRow, UUID(elsewhere["id"]))
        assert row.live_deployment_id
        await carried(db_session, row.id, row.live_deployment_id, 1, host="another")
    assert [await _asks(client, elsewhere) for _ in range(3)] == [200] * 3, "it says no limit"
    await _execute(client, delete(HostRow).where(HostRow.name == "another"))
    await _execute(client, delete(CallRow))
    assert [await _asks(client, agent) for _ in range(2)] == [200, 503]


async def test_nobody_is_sent_to_a_host_that_is_not_there(client: Client) -> None:
    agent = await make_live(client)
    await _execute(client, update(HostRow).values(last_seen_at=HostRow.last_seen_at - TOO_LONG))
    response = await client.post(TOKEN, json={"agentId": agent["slug"]})
    assert response.status_code == 503
    assert "no host that carries it is there" in response.json()["error"]["message"]
    await _host(client, calls=0, most=2)
    assert await _asks(client, agent) == 200
    await _execute(client, delete(HostRow))
    assert await _asks(client, agent) == 503


async def test_a_version_on_trial_that_has_no_line_leaves_its_callers_to_the_live_one(client: Client) -> None:
    agent = await make_live(client)
    row = select(AgentRow.live_deployment_id).where(AgentRow.id == UUID(agent["id"])).scalar_subquery()
    trial = {"canary_version": 2, "canary_deployment_id": row, "canary_percent": 100.0}
    await _execute(client, update(AgentRow).where(AgentRow.id == UUID(agent["id"])).values(trial))
    assert await _asks(client, agent) == 200
    (call,) = (await client.get("/api/calls", params={"agent": agent["id"]})).json()["items"]
    assert call["version"] == 1


async def test_what_an_earlier_process_of_a_host_carried_is_not_there(client: Client) -> None:
    agent = await make_live(client)
    async with platform_of(client).hosts.postgres.begin() as db_session:
        hosts = HostRepository(db_session)
        figures = HostFigures("1", agents=0, active_calls=0, cpu=0, memory=0)
        await hosts.saw(HOST, "p2", figures, timedelta(hours=1))
    assert await _asks(client, agent) == 200, "the same process, that was taken for lost"
    degraded = update(ReplicaRow).where(ReplicaRow.agent_id == UUID(agent["id"]))
    await _execute(client, degraded.values(status=Status.DEGRADED))
    assert await _asks(client, agent) == 503, "its host carries nothing"
    await _execute(client, update(HostRow).values(agents=1))
    assert await _asks(client, agent) == 200, "its host may be about to register it again"
    async with platform_of(client).hosts.postgres.begin() as db_session:
        await HostRepository(db_session).saw(HOST, "p3", figures)
    assert await _asks(client, agent) == 503


async def test_a_host_that_is_back_is_reckoned_with_before_the_control_worker_tells(client: Client) -> None:
    agent = await make_live(client)
    async with platform_of(client).hosts.postgres.begin() as db_session:
        figures = HostFigures("1", agents=0, active_calls=0, cpu=0, memory=0)
        await HostRepository(db_session).saw(HOST, "p2", figures)
    assert await _asks(client, agent) == 503, "it carries nothing yet"
    await _execute(client, update(HostRow).values(agents=1))
    assert await _asks(client, agent) == 200, "its agents are registered again, and nobody can tell Postgres"


async def test_hosts_that_could_not_speak_are_taken_to_be_there(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = await make_live(client)
    await _execute(client, update(HostRow).values(last_seen_at=HostRow.last_seen_at - TOO_LONG))
    monkeypatch.setattr(lines, "up_since", lambda: func.now() - timedelta(seconds=1))
    assert await _asks(client, agent) == 200, "Postgres has come back just now"


async def test_a_drained_host_has_no_lines_once_its_agents_must_be_elsewhere(client: Client) -> None:
    agent = await make_live(client)
    drained = update(HostRow).values(standing=Standing.DRAINED, ordered_at=func.now())
    await _execute(client, drained)
    assert await _asks(client, agent) == 200, "it takes calls until another host does"
    await _execute(client, drained.values(ordered_at=func.now() - lines.HANDING_OVER))
    assert await _asks(client, agent) == 503
