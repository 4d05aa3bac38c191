"""Tokens, calls and figures over HTTP, with a real Postgres and no LiveKit."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from sqlalchemy import func, text, update

from api.services.rates import RateLimit
from api.services.sweeps import NoShows
from common.settings import Settings
from db.models import CallRow
from db.repositories.joining import JoinedAgent, JoiningRepository
from db.repositories.transcripts import TranscriptRepository, Turn
from tests.api.conftest import LIVEKIT_SECRET, Client, platform_of, serving
from tests.api.helpers import (
    HOOK,
    OWN_LIVEKIT,
    call_of,
    make_agent,
    make_call,
    make_live,
    signature,
    unique,
    webhook,
)
from tests.api.test_http import problem

pytestmark = pytest.mark.integration

TOKEN = "/api/trpc/livekit.getToken"


async def test_a_token_needs_no_key_and_no_temporal(settings: Settings, client: Client) -> None:
    agent = await make_live(client)
    async with serving(settings) as stranger:  # nothing but Postgres answers here
        reply = await stranger.post(TOKEN, json={"agentId": agent["slug"], "participantName": "Zoë"})
    assert reply.status_code == 200
    data = reply.json()["result"]["data"]
    assert set(data) == {"token", "url", "room", "callId", "identity", "expiresAt", "recordingNotice"}
    claims = jwt.decode(data["token"], LIVEKIT_SECRET, algorithms=["HS256"])
    assert claims["video"]["room"] == data["room"] == f"call-{data['callId']}"
    assert claims["roomConfig"]["agents"][0]["agentName"] == f"{agent['slug']}@v1"
    call = await call_of(client, data["callId"])
    assert (call["status"], call["identity"], call["version"]) == ("waiting", data["identity"], 1)


async def test_a_token_is_for_the_agents_own_server(client: Client) -> None:
    agent = await make_live(client, livekitConfig=OWN_LIVEKIT)
    data = await make_call(client, agent)
    assert data["url"] == OWN_LIVEKIT["url"]
    assert jwt.decode(data["token"], OWN_LIVEKIT["apiSecret"], algorithms=["HS256"])["iss"] == "own-key"


async def test_every_token_is_another_room(client: Client) -> None:
    agent = await make_live(client)
    tokens = await asyncio.gather(*(make_call(client, agent) for _ in range(10)))
    assert len({token["room"] for token in tokens}) == len({token["identity"] for token in tokens}) == 10


async def test_no_token_without_a_deployment(client: Client) -> None:
    agent = await make_agent(client)
    error = (await client.post(TOKEN, json={"agentId": agent["id"]})).json()["error"]
    assert error["data"]["httpStatus"] == 412
    assert error["message"] == f"“{agent['slug']}” is not deployed. Deploy it first."
    assert (await client.post(TOKEN, json={"agentId": str(uuid4())})).status_code == 404


async def test_a_flood_is_turned_away_whatever_it_says_of_itself(settings: Settings) -> None:
    async with serving(settings, rate_limit=RateLimit(rate=0.01, burst=5)) as client:
        replies = [
            await client.post(TOKEN, json={"agentId": "x"}, headers={"X-Forwarded-For": f"10.0.0.{number}"})
            for number in range(7)
        ]
    assert [reply.status_code for reply in replies] == [404] * 5 + [429] * 2
    assert replies[-1].json()["error"]["data"]["code"] == "TOO_MANY_REQUESTS"


async def test_a_trusted_proxy_is_believed(settings: Settings) -> None:
    options: dict[str, Any] = {"rate_limit": RateLimit(rate=0.01, burst=1)}
    async with serving(settings, trusted_proxies=frozenset({"testclient"}), **options) as client:
        for address in ("10.0.0.1", "10.0.0.2", "6.6.6.6, 10.0.0.3"):
            headers = {"X-Forwarded-For": address}
            assert (await client.post(TOKEN, json={"agentId": "x"}, headers=headers)).status_code == 404
        spoofed = {"X-Forwarded-For": "7.7.7.7, 10.0.0.3"}
        assert (await client.post(TOKEN, json={"agentId": "x"}, headers=spoofed)).status_code == 429


async def _talk(client: Client, agent: dict[str, Any], call: dict[str, Any]) -> None:
    async with platform_of(client).agents.postgres.begin() as db_session:
        call_id, agent_id = UUID(call["callId"]), UUID(agent["id"])
        joined = JoinedAgent(call_id, agent_id, 1, call["room"], trace_id="abc")
        await JoiningRepository(db_session).joined(joined)
        at = datetime.now(UTC)
        hello = Turn("1", "agent", "Hello", at)
        hi = Turn("2", "user", "Hi", at, e2e_latency=1.5, llm_node_ttft=0.2)
        await TranscriptRepository(db_session).add_turns(call_id, 1, [hello, hi])


async def test_a_call_with_its_turns(client: Client) -> None:
    agent = await make_live(client)
    token = await make_call(client, agent)
    await _talk(client, agent, token)
    call = await call_of(client, token["callId"])
    assert (call["status"], call["traceId"], call["turnCount"]) == ("active", "abc", 2)
    assert [(turn["seq"], turn["role"], turn["text"]) for turn in call["turns"]] == [
        (1, "agent", "Hello"),
        (2, "user", "Hi"),
    ]
    assert call["turns"][1]["latencies"] == {
        "transcriptionDelay": None,
        "endOfTurnDelay": None,
        "llmNodeTtft": 0.2,
        "ttsNodeTtfb": None,
        "e2eLatency": 1.5,
    }
    listed = (await client.get("/api/calls", params={"agent": agent["slug"], "status": "active"})).json()
    assert [item["id"] for item in listed["items"]] == [token["callId"]]
    assert "turns" not in listed["items"][0]
    past = {"agent": agent["id"], "to": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}
    assert (await client.get("/api/calls", params=past)).json()["items"] == []


async def test_a_call_that_is_over_is_not_reopened(client: Client) -> None:
    agent = await make_live(client)
    token = await make_call(client, agent)
    body = webhook("room_finished", token["room"])
    await client.post(HOOK, content=body, headers=signature(body))
    async with platform_of(client).agents.postgres.begin() as db_session:
        late = JoinedAgent(uuid4(), UUID(agent["id"]), 2, token["room"], trace_id="late")
        known = await JoiningRepository(db_session).joined(late)
    assert str(known.call_id) == token["callId"]
    call = await call_of(client, token["callId"])
    assert (call["status"], call["version"], call["startedAt"], call["traceId"]) == ("ended", 1, None, None)
    await _talk(client, agent, token)
    again = await call_of(client, token["callId"])
    assert (again["status"], again["endReason"], again["turnCount"]) == ("ended", "room finished", 2)


async def test_calls_that_nobody_came_to_are_abandoned(client: Client) -> None:
    agent = await make_live(client)
    young, old, talking = [await make_call(client, agent) for _ in range(3)]
    await _talk(client, agent, talking)
    postgres = platform_of(client).agents.postgres
    async with postgres.begin() as db_session:
        ids = [UUID(each["callId"]) for each in (old, talking)]
        long_ago = func.now() - text("interval '12 minutes'")
        await db_session.execute(update(CallRow).where(CallRow.id.in_(ids)).values(created_at=long_ago))
    await NoShows(postgres).sweep()
    call = await call_of(client, old["callId"])
    assert (call["status"], call["endReason"]) == ("abandoned", "nobody came")
    assert call["endedAt"]
    assert (await call_of(client, young["callId"]))["status"] == "waiting"
    assert (await call_of(client, talking["callId"]))["status"] == "active"
    assert await NoShows(postgres).sweep() == 0


async def test_figures(client: Client) -> None:
    agent = await make_live(client)
    token = await make_call(client, agent)
    await _talk(client, agent, token)
    figures = (await client.get("/api/stats/overview")).json()
    assert figures["agents"]["running"] >= 1
    assert figures["activeCalls"] >= 1
    assert figures["turns"] >= 2
    assert figures["e2eLatency"] == figures["latencies"]["e2eLatency"]
    assert figures["e2eLatency"]["p99"] == pytest.approx(1.5, rel=0.025)
    metrics = (await client.get("/metrics")).text
    assert 'bionic_agents{status="running"}' in metrics
    assert "bionic_active_calls" in metrics
    assert 'bionic_calls_in_trouble{cause="no_host",event="call.unanswered"}' in metrics
    assert "bionic_call_news_dropped 0.0" in metrics
    assert 'route="/api/stats/overview"' in metrics


async def test_ending_a_call_needs_livekit(client: Client) -> None:
    agent = await make_live(client)
    token = await make_call(client, agent)
    content = problem(await client.post(f"/api/calls/{token['callId']}/end", json={}), 502)
    assert "LiveKit" in content["detail"]
    assert (await call_of(client, token["callId"]))["status"] == "waiting"
    problem(await client.get("/api/livekit/rooms"), 502)
    problem(await client.get("/api/livekit/rooms", params={"agent": unique()}), 404)


async def test_typing_needs_a_call_that_goes_on_and_livekit(client: Client) -> None:
    agent = await make_live(client)
    token = await make_call(client, agent)
    path = f"/api/calls/{token['callId']}/messages"
    problem(await client.post(path, json={"text": "where is my order"}), 502)
    for body in ({}, {"text": " "}, {"text": "a\0b"}, {"text": "x" * 2001}, {"text": "a", "as": "agent"}):
        problem(await client.post(path, json=body), 400)
    over = webhook("room_finished", token["room"])
    await client.post(HOOK, content=over, headers=signature(over))
    content = problem(await client.post(path, json={"text": "where is my order"}), 409)
    assert content["detail"] == f"Call {token['callId']} is over."
    problem(await client.post(f"/api/calls/{uuid4()}/messages", json={"text": "a"}), 404)


async def test_what_the_console_is_told(client: Client) -> None:
    content = (await client.get("/api/console")).json()
    assert set(content) == {"temporalUiUrl", "livekitUrl", "version"}
