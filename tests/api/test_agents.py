"""Agents over HTTP, with a real Postgres."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from common.errors import Unavailable
from common.status import Status
from tests.api.conftest import Client, FakeWorkflows
from tests.api.helpers import CONFIG, OWN_LIVEKIT, deploy, make_agent, make_live, report, unique
from tests.api.test_http import problem

pytestmark = pytest.mark.integration

STRANGER = "6a0e5f0e-1111-4222-8333-944444444444"


async def test_made_shown_changed_deleted(client: Client) -> None:
    agent = await make_agent(client)
    assert agent["status"] == "draft"
    assert agent["liveVersion"] is None
    assert agent["deployment"] is None
    assert agent["replicas"] == {"desired": 0, "ready": 0}
    assert agent["config"]["greeting"] == "Hello"
    for ref in (agent["id"], agent["slug"]):
        assert (await client.get(f"/api/agents/{ref}")).json() == agent
    changed = await client.patch(f"/api/agents/{agent['id']}", json={"name": "New name"})
    assert (changed.json()["name"], changed.json()["slug"]) == ("New name", agent["slug"])
    assert changed.json()["config"] == agent["config"]
    assert (await client.delete(f"/api/agents/{agent['id']}")).status_code == 204
    problem(await client.get(f"/api/agents/{agent['id']}"), 404)
    problem(await client.delete(f"/api/agents/{agent['id']}"), 404)


async def test_equal_names_get_other_slugs(client: Client) -> None:
    name = unique("Front Desk")
    bodies = [client.post("/api/agents", json={"name": name, "config": CONFIG}) for _ in range(6)]
    slugs = [(await body).json()["slug"] for body in bodies]
    assert len(set(slugs)) == 6
    assert slugs[1] == f"{slugs[0]}-2"


async def test_many_at_once_get_other_slugs(client: Client) -> None:
    name = unique()
    bodies = (client.post("/api/agents", json={"name": name, "config": CONFIG}) for _ in range(8))
    answers = await asyncio.gather(*bodies)
    assert [answer.status_code for answer in answers] == [201] * 8


async def test_a_slug_that_was_asked_for_is_given_or_refused(client: Client) -> None:
    slug = unique()
    body = {"name": "x", "slug": slug, "config": CONFIG}
    assert (await client.post("/api/agents", json=body)).json()["slug"] == slug
    assert slug in problem(await client.post("/api/agents", json=body), 409)["detail"]


async def test_a_wrong_config_has_pointers_and_changes_nothing(client: Client) -> None:
    agent = await make_agent(client)
    wrong = {"instructions": "x", "stt": {"provider": "offline", "options": {"modle": 1}}}
    response = await client.patch(f"/api/agents/{agent['id']}", json={"name": "z", "config": wrong})
    (error,) = problem(response, 400)["errors"]
    assert error["pointer"] == "/config/stt/options/modle"
    assert (await client.get(f"/api/agents/{agent['id']}")).json() == agent


async def test_unknown_words_and_voices_are_errors_at_their_field(client: Client) -> None:
    agent = await make_agent(client)
    path = f"/api/agents/{agent['id']}"
    stt = {"provider": "offline", "options": {"grammar": ["where is my order", "xyzzyplugh now"]}}
    tts = {"provider": "offline", "options": {"voice": "qqq"}}
    wrong = CONFIG | {"stt": stt, "tts": tts, "llm": {"provider": "openai", "options": {"model": "m"}}}
    for method, where, body in (
        ("POST", "/api/agents", {"name": unique(), "config": wrong}),
        ("PATCH", path, {"config": wrong}),
        ("POST", "/api/agents/register", {"name": unique(), "config": wrong}),
    ):
        errors = problem(await client.request(method, where, json=body), 400)["errors"]
        assert [error["pointer"] for error in errors] == [
            "/config/stt/options/grammar/1",
            "/config/tts/options/voice",
        ]
    assert (await client.get(path)).json() == agent
    german = CONFIG | {"language": "de"}
    (error,) = problem(await client.patch(path, json={"config": german}), 400)["errors"]
    assert error["pointer"] == "/config/language"
    draft = CONFIG | {"llm": wrong["llm"]}  # its key may come later
    assert (await client.patch(path, json={"config": draft})).status_code == 200


async def test_secrets_go_in_and_never_come_out(client: Client) -> None:
    agent = await make_agent(client, livekitConfig=OWN_LIVEKIT)
    path = f"/api/agents/{agent['id']}"
    shown = agent["config"]["livekitConfig"]
    assert shown["apiSecret"] == {"set": True, "hint": "…-own"}
    # What was shown, sent back: the secret stays, so the agent can be deployed.
    again = await client.patch(path, json={"config": agent["config"] | {"greeting": "Hi"}})
    assert again.json()["config"]["livekitConfig"] == shown
    assert (await client.post(f"{path}/deploy", json={})).status_code == 202
    # Another server: the secret does not follow.
    moved = agent["config"] | {"livekitConfig": shown | {"url": "wss://evil.example"}}
    response = await client.patch(path, json={"config": moved})
    assert response.json()["config"]["livekitConfig"]["apiSecret"] == {"set": False}
    (error,) = problem(await client.post(f"{path}/deploy", json={}), 400)["errors"]
    assert error["pointer"] == "/config/livekitConfig/apiSecret"
    for each in (again, response, await client.get(path), await client.get("/api/agents")):
        assert OWN_LIVEKIT["apiSecret"] not in each.text


async def test_a_deployed_agent_is_not_deleted(client: Client, workflows: FakeWorkflows) -> None:
    agent = await make_live(client)
    problem(await client.delete(f"/api/agents/{agent['id']}"), 409)
    await report(client, agent, Status.STOPPED, live=False)
    assert (await client.delete(f"/api/agents/{agent['id']}")).status_code == 204
    assert ("retire", agent["id"]) in workflows.asked


async def test_while_temporal_is_away_only_drafts_are_deleted(
    client: Client, workflows: FakeWorkflows
) -> None:
    stopped, draft = await make_live(client), await make_agent(client)
    await report(client, stopped, Status.STOPPED, live=False)
    workflows.failure = Unavailable("Temporal does not answer.")
    problem(await client.delete(f"/api/agents/{stopped['id']}"), 503)
    assert (await client.delete(f"/api/agents/{draft['id']}")).status_code == 204
    workflows.failure = None
    assert (await client.get(f"/api/agents/{stopped['id']}")).json()["status"] == "stopped"
    assert (await client.delete(f"/api/agents/{stopped['id']}")).status_code == 204
    assert (await client.get(f"/api/agents/{stopped['id']}")).status_code == 404


@pytest.mark.parametrize("status", [Status.STARTING, Status.DEGRADED, Status.DRAINING])
async def test_what_comes_up_or_goes_down_is_not_deleted(client: Client, status: Status) -> None:
    agent = await make_agent(client)
    await deploy(client, agent)
    assert "Stop it first" in problem(await client.delete(f"/api/agents/{agent['id']}"), 409)["detail"]
    await report(client, agent, status, live=False)
    assert status in problem(await client.delete(f"/api/agents/{agent['id']}"), 409)["detail"]
    live = await make_live(client)
    await deploy(client, live)
    await report(client, live, Status.FAILED, live=True)  # the rollout, beside what goes on
    assert "deployed" in problem(await client.delete(f"/api/agents/{live['id']}"), 409)["detail"]


async def test_pages(client: Client) -> None:
    made = [(await make_agent(client))["id"] for _ in range(5)]
    found: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        params: dict[str, Any] = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/agents", params=params)).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["nextCursor"]
    assert found[:5] == made[::-1]


async def test_the_list_has_live_figures(client: Client) -> None:
    agent = await make_agent(client)
    await deploy(client, agent, replicas=3)
    await report(client, agent, Status.RUNNING, live=True)
    item = (await client.get("/api/agents", params={"limit": 1})).json()["items"][0]
    assert item["id"] == agent["id"]
    assert set(item) == {
        *("id", "slug", "name", "status", "liveVersion", "replicas"),
        *("activeCalls", "callsToday", "canary", "lastError", "updatedAt"),
    }
    assert (item["status"], item["liveVersion"]) == ("running", 1)
    assert item["replicas"] == {"desired": 3, "ready": 1}


@pytest.mark.parametrize("ref", [STRANGER, "nobody", "%00", "a%2Fb", "x" * 300, "..."])
async def test_strangers(client: Client, ref: str) -> None:
    for method, tail in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/deploy"), ("POST", "/stop")):
        response = await client.request(
            method, f"/api/agents/{ref}{tail}", json={} if method != "GET" else None
        )
        assert response.status_code in {400, 404, 405}, response.text
