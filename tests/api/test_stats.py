"""Figures of an agent over HTTP, with a real Postgres."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from api.services.sweeps import Counts
from db.models import CallRow
from db.repositories.calls import CallRepository
from db.repositories.joining import JoinedAgent, JoiningRepository
from db.repositories.transcripts import TranscriptRepository, Turn
from tests.api.conftest import Client, platform_of
from tests.api.helpers import make_agent, make_call, make_live, unique
from tests.api.test_http import problem

pytestmark = pytest.mark.integration


async def _call(client: Client, agent: dict[str, Any], *, over: timedelta | None) -> str:
    """A call with one turn; `over`: how long ago it ended."""
    token = await make_call(client, agent)
    call_id = UUID(token["callId"])
    async with platform_of(client).stats.postgres.begin() as db_session:
        await JoiningRepository(db_session).joined(JoinedAgent(call_id, UUID(agent["id"]), 1, token["room"]))
        turn = Turn("1", "agent", "Hello", datetime.now(UTC), llm_node_ttft=0.25)
        await TranscriptRepository(db_session).add_turns(call_id, 1, [turn])
        if over is not None:
            await CallRepository(db_session).end(token["room"], "hung up")
            at = datetime.now(UTC) - over
            times = {"started_at": at - timedelta(seconds=10), "ended_at": at}
            await db_session.execute(update(CallRow).where(CallRow.id == call_id).values(**times))
    return str(token["callId"])


async def _stats(client: Client, agent: dict[str, Any], **params: str) -> dict[str, Any]:
    answer = await client.get(f"/api/stats/agents/{agent['slug']}", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_figures_of_an_agent(client: Client) -> None:
    agent = await make_live(client)
    await _call(client, agent, over=None)
    await _call(client, agent, over=timedelta(minutes=10))
    found = await _stats(client, agent)
    assert (found["agentId"], found["calls"], found["turns"]) == (agent["id"], 2, 2)
    assert {status for status, count in found["byStatus"].items() if count} == {"active", "ended"}
    assert found["averageDuration"] == 10
    assert found["duration"]["p50"] == pytest.approx(10, rel=0.025)
    assert found["joinTime"] == {"p50": None, "p95": None, "p99": None}
    assert found["latencies"]["llmNodeTtft"]["p95"] == pytest.approx(0.25, rel=0.025)
    assert [(each["version"], each["calls"]) for each in found["versions"]] == [(1, 2)]
    today = datetime.now(UTC).date().isoformat()
    assert (today, 2) in [(each["day"], each["calls"]) for each in found["days"]]


async def test_counting_changes_no_figure(client: Client) -> None:
    agent = await make_live(client)
    call_id = await _call(client, agent, over=timedelta(minutes=10))
    before = await _stats(client, agent)
    listed = (await client.get("/api/calls", params={"agent": agent["id"]})).json()
    await Counts(platform_of(client).stats.postgres).sweep()
    async with platform_of(client).stats.postgres.begin() as db_session:
        assert (await CallRepository(db_session).get(UUID(call_id))).turn_count == 1
    after = await _stats(client, agent)
    assert {**after, "to": None} == {**before, "to": None}
    assert (await client.get("/api/calls", params={"agent": agent["id"]})).json() == listed


async def test_a_range_is_told_as_it_was_used(client: Client) -> None:
    agent = await make_agent(client)
    found = await _stats(client, agent, **{"from": "2026-01-03T10:20:00Z", "to": "2026-01-04T00:00:00Z"})
    assert (found["from"], found["to"]) == ("2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z")
    assert (found["calls"], found["days"], found["versions"]) == (0, [], [])
    now = datetime.now(UTC)
    lately = await _stats(client, agent)
    begin, end = (datetime.fromisoformat(lately[name]) for name in ("from", "to"))
    assert begin == (now - timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
    assert abs(end - now) < timedelta(minutes=1)


async def test_what_can_not_be_asked(client: Client) -> None:
    agent = await make_agent(client)
    backwards = {"from": "2026-01-04T00:00:00Z", "to": "2026-01-03T00:00:00Z"}
    problem(await client.get(f"/api/stats/agents/{agent['id']}", params=backwards), 400)
    problem(await client.get(f"/api/stats/agents/{unique()}"), 404)
    everything = await _stats(client, agent, **{"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"})
    assert everything["calls"] == 0
